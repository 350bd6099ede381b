"""Cosine scoring."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from steps_py.backend.command_line import command_line
from steps_py.backend.pair_scorers import CosineScorer
from steps_py.backend.steps.base import STEPS, Model

if TYPE_CHECKING:
    from steps_py.backend.step_job import StepJob

UNIT_LENGTH = ("ivector-normalize-length", "--scaleup=false")


@STEPS.register("cosine")
class Cosine(Model):
    """The cosine of the angle between the two vectors of a trial."""

    @dataclass(frozen=True, kw_only=True)
    class Config:
        pass

    def score(self, job: "StepJob") -> str:
        enroll, test = job.enroll(UNIT_LENGTH), job.test(UNIT_LENGTH)
        return command_line("ivector-compute-dot-products", job.pairs, enroll, test, "-")

    def pair_scorer(self) -> CosineScorer:
        return CosineScorer()
