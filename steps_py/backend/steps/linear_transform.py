"""What transforms have in common that are one matrix, estimated from the training vectors."""

import os
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from steps_py.backend.affine import affine_function
from steps_py.backend.command_line import command_line
from steps_py.backend.labelled_vectors import read_stats
from steps_py.backend.steps.base import Transform
from steps_py.formats.holders import FLOAT_MATRIX
from steps_py.formats.tables import write_object

if TYPE_CHECKING:
    from steps_py.backend.step_job import StepJob


class LinearTransform(Transform):
    """Base: `matrix` of the training vectors' statistics, applied to all vectors."""

    estimates: ClassVar[tuple[str, ...]] = ("transform.mat",)

    def matrix(self, stats) -> np.ndarray:
        """The matrix (K, D), or (K, D + 1) with an offset, of the training vectors' statistics."""
        raise NotImplementedError

    def estimate(self, file: str | os.PathLike, job: "StepJob") -> str:
        return job.python("write_matrix", job.training(), job.utt2spk, job.out)

    def apply(self, job: "StepJob", vectors: str, of_training: bool) -> str:
        return command_line("transform-vec", job.own("transform.mat"), vectors, "ark:-")

    def kept_files(self, job):
        return [job.own("transform.mat")]

    def vector_function(self, matrix):
        return affine_function(matrix)

    def write_matrix(self, vectors, utt2spk, out):
        """Estimate the transform from labelled vectors."""
        matrix_KD = self.matrix(read_stats(vectors, utt2spk))
        write_object(out, FLOAT_MATRIX, matrix_KD.astype(np.float32))
