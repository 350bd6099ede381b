"""Linear discriminant analysis."""

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from steps_py.backend.affine import affine_function
from steps_py.backend.command_line import command_line
from steps_py.backend.steps.base import STEPS, Transform
from steps_py.data.data_dir import read_table
from steps_py.errors import BackendError, ConfigError
from steps_py.files import atomic_write
from steps_py.settings.declare import setting

if TYPE_CHECKING:
    from steps_py.backend.step_job import StepJob


@STEPS.register("lda")
class LdaProjection(Transform):
    """Project on the directions in which speakers differ most.

    Library: `steps_py.backend.lda.Lda`.
    """

    estimates = ("transform.mat",)
    early = ("dim",)
    recipe_keys = {  # noqa: RUF012 -- a ClassVar in the base
        "dim": "lda_dim",
        "total_covariance_factor": "lda_total_covariance_factor",
        "covariance_floor": "lda_covariance_floor",
    }

    @dataclass(frozen=True, kw_only=True)
    class Config:
        dim: int | None = None  # None: as many as the speakers span, at most that of the vectors
        total_covariance_factor: float = 0.0
        covariance_floor: float = 1e-6
        file: str | None = setting(
            None, "a transform.mat that is there, such as Kaldi's; null: it is estimated"
        )

        def __post_init__(self):
            if self.dim is not None and self.dim < 1:
                raise ConfigError(f"lda: dim is {self.dim}. Give 1 or more, or null.")
            for name in ("total_covariance_factor", "covariance_floor"):
                if not 0 <= getattr(self, name) <= 1:
                    value = getattr(self, name)
                    raise ConfigError(f"lda: {name} is {value:g}. Give a value from 0 to 1.")

    def __init__(self, config):
        super().__init__(config)
        if config.file is not None:
            self.estimates = self.early = ()

    def out_dim(self, in_dim: int) -> int:
        return self.config.dim or in_dim

    def estimate(self, file: str | os.PathLike, job: "StepJob") -> str:
        if file == "dim":
            return job.python("write_dim", str(job.vector_dim), job.out, *job.training_tables)
        lda = command_line(
            "ivector-compute-lda",
            f"--total-covariance-factor={self.config.total_covariance_factor}",
            f"--covariance-floor={self.config.covariance_floor}",
        )
        tables = command_line(job.training(), f"ark:{job.utt2spk}", job.out)
        return f'dim=$(cat {job.own("dim")}) && {lda} --dim="$dim" {tables}'

    def apply(self, job: "StepJob", vectors: str, of_training: bool) -> str:
        return command_line("transform-vec", self._matrix(job), vectors, "ark:-")

    def kept_files(self, job):
        return [self._matrix(job)]

    def _matrix(self, job):
        return job.own_or_given("transform.mat", self.config.file)

    def vector_function(self, matrix):
        return affine_function(matrix)

    def write_dim(self, vector_dim: str, out: str, *utt2spk: str):
        """Write the dimension to keep; refuse training sets that are too small for LDA."""
        speakers = [spk for path in utt2spk for spk in read_table(path).values()]
        check_enough(len(speakers), int(vector_dim))
        dim = choose_dim(self.config.dim, len(set(speakers)), int(vector_dim))
        with atomic_write(out) as file:
            file.write(f"{dim}\n")


def check_enough(num_vectors: int, dim: int) -> None:
    """Raise BackendError for fewer vectors than dimensions, which LDA refuses as Kaldi does."""
    if num_vectors < dim:
        raise BackendError(
            f"lda: {num_vectors} x-vectors of {dim} dimensions are too few for LDA. Set"
            f" model.embedding_dim to {num_vectors} or less, or add train_augmented to"
            " backend.train_sets."
        )


def choose_dim(lda_dim: int | None, num_speakers: int, vector_dim: int) -> int:
    """`lda_dim`, or for None the most there is; LDA of N speakers spans at most N - 1 directions.

    >>> choose_dim(200, 7323, 512), choose_dim(None, 7323, 512), choose_dim(None, 40, 512)
    (200, 512, 39)
    """
    if num_speakers < 2:
        raise BackendError(
            "lda: the training sets hold one speaker only. LDA and PLDA need at least two."
        )
    most = min(num_speakers - 1, vector_dim)
    if lda_dim is not None and lda_dim > most:
        limit = f"{num_speakers} speakers span {num_speakers - 1} directions"
        if most == vector_dim:
            limit = f"the vectors have {vector_dim} dimensions"
        raise BackendError(
            f"lda: dim is {lda_dim}, but {limit}. Set dim of the step"
            f" (backend.lda_dim) to {most} or less, or to null."
        )
    return lda_dim or most
