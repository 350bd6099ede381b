"""A part of each vector, such as one of two embeddings."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from steps_py.backend.steps.base import STEPS, Transform
from steps_py.errors import ConfigError
from steps_py.formats.holders import FLOAT_VECTOR
from steps_py.formats.tables import SequentialReader, TableWriter
from steps_py.settings.declare import Count, setting

if TYPE_CHECKING:
    from steps_py.backend.step_job import StepJob


@STEPS.register("keep_columns")
class KeepColumns(Transform):
    """`count` columns of each vector, from `first`.

    With ``xvectors.layer: both`` a vector is the inner embedding, then the outer one.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        first: int = setting(0, "number of the first column, from 0", minimum=0)
        count: Count = setting(description="number of columns")

    def out_dim(self, in_dim: int) -> int:
        first, count = self.config.first, self.config.count
        if first + count > in_dim:
            raise ConfigError(
                f"keep_columns: keeps {count} columns from {first}, but vectors have {in_dim}."
                " Lower first or count."
            )
        return count

    def apply(self, job: "StepJob", vectors: str, of_training: bool) -> str:
        self.out_dim(job.vector_dim)
        return job.python("keep", vectors, "ark:-")

    def keep(self, vectors_in, vectors_out):
        """Copy the columns of a table of vectors."""
        end = self.config.first + self.config.count
        with (
            SequentialReader(vectors_in, FLOAT_VECTOR) as reader,
            TableWriter(vectors_out, FLOAT_VECTOR) as writer,
        ):
            for key, x_D in reader:
                writer.write(key, x_D[self.config.first : end])
