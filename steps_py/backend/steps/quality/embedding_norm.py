"""Length of an x-vector."""

from dataclasses import dataclass

import numpy as np

from steps_py.backend.steps.centre import Centre
from steps_py.backend.steps.quality.base import MEASURES, Measure, values_of
from steps_py.formats.vector_tables import read_vectors


@MEASURES.register("embedding_norm")
class EmbeddingNorm(Measure):
    """The Euclidean norm of the x-vector, centred where the chain begins with that.

    Networks give short vectors to utterances that they recognise little in.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        pass

    def words(self, job, dset):
        return [job.vectors_after(Centre, dset)]

    def values(self, utts, vectors):
        keys, x_ND = read_vectors(vectors)
        norm_N = np.linalg.norm(x_ND.astype(np.float64), axis=1)
        return values_of(utts, dict(zip(keys, norm_N.tolist(), strict=True)), vectors)
