"""The F-measure of accepted trials, and the share of target trials accepted with it.

Reference: C. J. van Rijsbergen, "Information retrieval", 1979, chapter 7; for speakers, C. Li et
al., "Deep Speaker: an end-to-end neural speaker embedding system", arXiv:1705.02304, in the
implementation by P. Remy.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from steps_py.scoring.metrics.base import METRICS, Metric

if TYPE_CHECKING:
    from steps_py.scoring.weighted_trials import WeightedTrials

ROUNDING = 1e-9  # F-measures that differ by less are equal


def _accepted(trials):
    """Target and nontarget trials accepted at each operating point, (D, K)."""
    targets_DK = (1 - trials.p_miss_DK) * trials.num_targets_D[:, None]
    return targets_DK, trials.p_fa_DK * trials.num_nontargets_D[:, None]


def _f_measures(trials):
    targets_DK, nontargets_DK = _accepted(trials)
    return 2 * targets_DK / (targets_DK + nontargets_DK + trials.num_targets_D[:, None])


@METRICS.register("f_measure")
class FMeasure(Metric):
    """The harmonic mean of precision and recall, in percent, at the threshold where it is highest.

    Precision is the share of target trials among those accepted, recall that of accepted trials
    among the targets.  It depends on the share of target trials in the list.
    """

    name, title = "f_measure_percent", "F %"
    decimals, min_width = 2, 0
    higher_is_better = True

    @dataclass(frozen=True, kw_only=True)
    class Config:
        pass

    def compute(self, trials: "WeightedTrials") -> np.ndarray:
        return 100 * _f_measures(trials).max(axis=1)


@METRICS.register("tpr_at_best_f")
class TprAtBestF(Metric):
    """The share of target trials, in percent, accepted at the threshold of the best F-measure.

    Of thresholds with the same F-measure, that which accepts most.
    """

    name, title = "tpr_percent_at_best_f", "TPR % at best F"
    decimals, min_width = 2, 0
    higher_is_better = True

    @dataclass(frozen=True, kw_only=True)
    class Config:
        pass

    def compute(self, trials: "WeightedTrials") -> np.ndarray:
        f_DK = _f_measures(trials)
        is_best_DK = f_DK >= f_DK.max(axis=1, keepdims=True) - ROUNDING
        return 100 * (1 - np.where(is_best_DK, trials.p_miss_DK, 1).min(axis=1))
