"""Centring."""

from dataclasses import dataclass
from typing import Literal

from steps_py.backend.command_line import command_line
from steps_py.backend.steps.base import STEPS, Transform
from steps_py.settings.declare import setting


@STEPS.register("centre")
class Centre(Transform):
    """Subtract the mean of the training vectors, or of the adaptation set where there is one.

    Training vectors are centred on their own mean: an adaptation set moves the origin of the
    domain that is scored, not of the one that is trained on.
    """

    estimates = ("mean.vec",)

    @dataclass(frozen=True, kw_only=True)
    class Config:
        on: Literal["auto", "training"] = setting(
            "auto", "auto: on the adaptation set, where there is one; training: never"
        )

    def estimate(self, file, job):
        adaptation = job.adaptation() if self.config.on == "auto" else None
        return command_line("ivector-mean", adaptation or job.training(), job.out)

    def apply(self, job, vectors, of_training):
        mean = [] if of_training else [job.own("mean.vec")]
        return command_line("ivector-subtract-global-mean", *mean, vectors, "ark:-")
