"""Detection and identification rate at a given false-alarm rate."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from steps_py.errors import ConfigError
from steps_py.scoring.metrics.base import METRICS, Metric

if TYPE_CHECKING:
    from steps_py.scoring.weighted_trials import WeightedTrials

ROUNDING = 1e-9


@METRICS.register("dir_at_far")
class DirAtFar(Metric):
    """Open-set identification: known test utterances, in percent, that are found and named.

    An utterance counts if its own model is among the k best and scores above the threshold.  The
    threshold is the lowest at which at most the share `far` of the unknown test utterances, whose
    speakers have no model, score with any model.  P. Grother, R. Micheals and P. J. Phillips,
    "Face recognition vendor test 2002 performance metrics", 2003; ISO/IEC 19795-1.
    """

    decimals, min_width = 2, 0
    higher_is_better = True
    identifies = True

    @dataclass(frozen=True, kw_only=True)
    class Config:
        far: float = 0.01  # a fraction
        k: int = 1

        def __post_init__(self):
            if not 0 <= self.far <= 1:
                raise ConfigError(f"dir_at_far: far is {self.far:g}. Give a rate from 0 to 1.")
            if self.k < 1:
                raise ConfigError(f"dir_at_far: k is {self.k}. Give 1 or more.")

    def __init__(self, config):
        super().__init__(config)
        rank = f"_top_{config.k}" if config.k > 1 else ""
        self.name = f"dir{rank}_percent_at_far_{config.far:g}"
        top = f" top-{config.k}" if config.k > 1 else ""
        self.title = f"DIR{top} % at FAR {config.far:g}"

    def compute(self, trials: "WeightedTrials") -> np.ndarray:
        known, unknown = trials.known_utterances(), trials.unknown_utterances()
        too_high_D = self._highest_refused(unknown)
        is_found_UD = (known.rank_U <= self.config.k)[:, None] & (known.own_U[:, None] > too_high_D)
        found_D = np.sum(is_found_UD * known.share_UD, axis=0)
        return 100 * np.where(np.isnan(unknown.share_UD[0]), np.nan, found_D)

    def _highest_refused(self, unknown):
        """The highest score as a threshold at which too many unknown utterances are accepted."""
        order_U = np.argsort(-unknown.best_U, kind="stable")
        far_UD = np.cumsum(unknown.share_UD[order_U], axis=0)
        too_many_UD = far_UD > self.config.far + ROUNDING
        score_D = unknown.best_U[order_U][too_many_UD.argmax(axis=0)]
        return np.where(too_many_UD.any(axis=0), score_D, -np.inf)
