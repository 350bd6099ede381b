"""Adaptive S-normalisation of scores."""

from dataclasses import dataclass
from typing import Literal

from steps_py.backend.steps.base import STEPS
from steps_py.backend.steps.cohort_step import CohortConfig, CohortStep
from steps_py.settings.declare import setting


@STEPS.register("as_norm")
class AsNorm(CohortStep):
    """The mean of Z- and T-normalised scores, over the cohort members nearest to a side.

    Library: `steps_py.backend.score_norm.Sides.s_norm`.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config(CohortConfig):
        top_n: int = setting(300, "highest cohort scores of a side that count", minimum=2)
        select: Literal["own", "cross"] = setting(
            "own", "own: each side's highest scores; cross: members that the other side selects"
        )

    def normalise(self, score_T, sides):
        config = self.config
        return sides.s_norm(score_T, config.top_n, config.ddof, config.select)
