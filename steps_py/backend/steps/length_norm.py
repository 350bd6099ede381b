"""Length normalisation."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from steps_py.backend.command_line import command_line
from steps_py.backend.length_norm import normalize_length
from steps_py.backend.steps.base import STEPS, Transform

if TYPE_CHECKING:
    from steps_py.backend.step_job import StepJob


@STEPS.register("length_norm")
class LengthNorm(Transform):
    """Scale every vector to the square root of its dimension, as Kaldi does."""

    @dataclass(frozen=True, kw_only=True)
    class Config:
        pass

    def apply(self, job: "StepJob", vectors: str, of_training: bool) -> str:
        return command_line("ivector-normalize-length", vectors, "ark:-")

    def kept_files(self, job):
        return []

    def vector_function(self):
        return normalize_length
