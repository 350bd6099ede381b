"""Principal component analysis."""

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from steps_py.backend.command_line import command_line
from steps_py.backend.steps.base import STEPS, Transform
from steps_py.settings.declare import setting

if TYPE_CHECKING:
    from steps_py.backend.step_job import StepJob


@STEPS.register("pca")
class PcaProjection(Transform):
    """Centre and project on the directions in which vectors differ most, whatever the speaker.

    Library: `steps_py.backend.lda.Pca`.
    """

    estimates = ("transform.mat",)

    @dataclass(frozen=True, kw_only=True)
    class Config:
        dim: int = setting(description="dimensions that are kept", minimum=1)
        whiten: bool = setting(False, "true: the variance of each is made 1")

    def out_dim(self, in_dim):
        return self.config.dim

    def estimate(self, file: str | os.PathLike, job: "StepJob") -> str:
        return command_line(
            *("est-pca", "--read-vectors=true", "--normalize-mean=true"),
            f"--normalize-variance={str(self.config.whiten).lower()}",
            *(f"--dim={self.config.dim}", job.training(), job.out),
        )

    def apply(self, job: "StepJob", vectors: str, of_training: bool) -> str:
        return command_line("transform-vec", job.own("transform.mat"), vectors, "ark:-")
