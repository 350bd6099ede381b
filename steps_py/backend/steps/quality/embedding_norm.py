"""Length of an x-vector."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from steps_py.backend.steps.centre import Centre
from steps_py.backend.steps.quality.base import MEASURES, Measure, values_of
from steps_py.formats.vector_tables import read_vectors

if TYPE_CHECKING:
    from steps_py.backend.step_job import StepJob


@MEASURES.register("embedding_norm")
class EmbeddingNorm(Measure):
    """The Euclidean norm of the x-vector, centred where the chain begins with that.

    Networks give short vectors to utterances that they recognise little in.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        pass

    def words(self, job: "StepJob", dset: str) -> list[str]:
        return [job.vectors_after(Centre, dset)]

    def values(self, utts: list[str], vectors: str) -> np.ndarray:
        keys, x_ND = read_vectors(vectors)
        norm_N = np.linalg.norm(x_ND.astype(np.float64), axis=1)
        return values_of(utts, dict(zip(keys, norm_N.tolist(), strict=True)), vectors)
