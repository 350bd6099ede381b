"""Correlation alignment."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from steps_py.backend.command_line import command_line
from steps_py.backend.labelled_vectors import read_stats
from steps_py.backend.projections import coral
from steps_py.backend.steps.base import STEPS, Transform
from steps_py.formats.holders import FLOAT_MATRIX
from steps_py.formats.tables import write_object
from steps_py.settings.declare import setting

if TYPE_CHECKING:
    from steps_py.backend.step_job import StepJob


@STEPS.register("coral")
class Coral(Transform):
    """Give the training vectors the covariance of the adaptation set; others stay as they are.

    Steps after it are so trained for the domain of the adaptation set.
    Library: `steps_py.backend.projections.coral`.
    """

    estimates = ("transform.mat",)
    needs_adapt_set = True

    @dataclass(frozen=True, kw_only=True)
    class Config:
        ridge: float = setting(
            1e-3, "share of the mean variance that is added to both covariances", minimum=0
        )

    def estimate(self, file, job):
        return job.python("write_matrix", job.training(), job.adaptation(), job.out)

    def apply(self, job: "StepJob", vectors: str, of_training: bool) -> str:
        if not of_training:
            return command_line("copy-vector", vectors, "ark:-")
        return command_line("transform-vec", job.own("transform.mat"), vectors, "ark:-")

    def kept_files(self, job):
        return []

    def vector_function(self):
        return lambda x_ND: x_ND  # new recordings are of the domain of the adaptation set

    def write_matrix(self, training, adaptation, out):
        """Estimate the transform from vectors of both domains."""
        matrix_DD = coral(read_stats(training), read_stats(adaptation), self.config.ridge)
        write_object(out, FLOAT_MATRIX, matrix_DD.astype(np.float32))
