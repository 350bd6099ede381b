"""Area under the ROC curve."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from steps_py.scoring.metrics.base import METRICS, Metric

if TYPE_CHECKING:
    from steps_py.scoring.weighted_trials import WeightedTrials


@METRICS.register("auc")
class Auc(Metric):
    """The share of pairs of a target and a nontarget in which the target scores higher.

    A tie counts half.  It is the area below the ROC, 1 for a perfect system and 0.5 for one
    without information (Fawcett 2006).
    """

    name, title = "auc", "AUC"
    min_width = 0
    higher_is_better = True

    @dataclass(frozen=True, kw_only=True)
    class Config:
        pass

    def compute(self, trials: "WeightedTrials") -> np.ndarray:
        p_hit_DK, width_DE = 1 - trials.p_miss_DK, -np.diff(trials.p_fa_DK, axis=1)
        return np.sum(width_DE * (p_hit_DK[:, 1:] + p_hit_DK[:, :-1]), axis=1) / 2
