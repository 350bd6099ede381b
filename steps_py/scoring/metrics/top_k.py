"""Closed-set identification."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from steps_py.errors import ConfigError
from steps_py.scoring.metrics.base import METRICS, Metric

if TYPE_CHECKING:
    import numpy as np

    from steps_py.scoring.weighted_trials import WeightedTrials


@METRICS.register("top_k")
class TopK(Metric):
    """The share of test utterances, in percent, whose own model is among their k best.

    The set is closed: each test utterance has a target trial, and is identified among the models
    that the list compares it with.  Models of the same score rank above the right one; of several
    models of the speaker the best counts.
    """

    decimals, min_width = 2, 0
    higher_is_better = True
    identifies = True

    @dataclass(frozen=True, kw_only=True)
    class Config:
        k: int = 1

        def __post_init__(self):
            if self.k < 1:
                raise ConfigError(f"top_k: k is {self.k}. Give 1 or more.")

    def __init__(self, config):
        super().__init__(config)
        self.name, self.title = f"top_{config.k}_percent", f"top-{config.k} %"

    def compute(self, trials: "WeightedTrials") -> "np.ndarray":
        utterances = trials.closed_set()
        return 100 * utterances.mean(utterances.rank_U <= self.config.k)
