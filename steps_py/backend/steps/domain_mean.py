"""Removal of each domain's mean."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from steps_py.backend.command_line import command_line
from steps_py.backend.steps.base import STEPS, Transform

if TYPE_CHECKING:
    from steps_py.backend.step_job import StepJob


@STEPS.register("domain_mean")
class DomainMean(Transform):
    """Subtract from the vectors of each set their own mean: a set is taken for one domain.

    Training vectors have one mean together.  A set's mean is that of all its utterances, so it
    should hold many speakers.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        pass

    def apply(self, job: "StepJob", vectors: str, of_training: bool) -> str:
        return command_line("ivector-subtract-global-mean", vectors, "ark:-")
