"""Scoring by distance."""

from dataclasses import dataclass

from steps_py.backend.pair_scorers import EuclideanScorer
from steps_py.backend.steps.base import STEPS
from steps_py.backend.steps.pair_model import PairModel


@STEPS.register("neg_euclidean")
class NegativeEuclidean(PairModel):
    """The negative Euclidean distance between the two vectors."""

    @dataclass(frozen=True, kw_only=True)
    class Config:
        pass

    def pair_scorer(self):
        return EuclideanScorer()
