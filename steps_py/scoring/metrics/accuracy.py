"""Share of right decisions."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from steps_py.scoring.metrics.base import METRICS, Metric

if TYPE_CHECKING:
    import numpy as np

    from steps_py.scoring.weighted_trials import WeightedTrials


@METRICS.register("accuracy")
class Accuracy(Metric):
    """The share of trials, in percent, that are decided rightly at the best single threshold.

    The threshold is that with the most right decisions on this list, and every trial counts once:
    with nine nontargets to a target, rejecting all is 90 % right.
    """

    name, title = "accuracy_percent", "acc. %"
    decimals, min_width = 2, 0
    higher_is_better = True

    @dataclass(frozen=True, kw_only=True)
    class Config:
        pass

    def compute(self, trials: "WeightedTrials") -> "np.ndarray":
        missed_DK = trials.p_miss_DK * trials.num_targets_D[:, None]
        wrong_DK = missed_DK + trials.p_fa_DK * trials.num_nontargets_D[:, None]
        return 100 * (1 - wrong_DK.min(axis=1) / (trials.num_targets_D + trials.num_nontargets_D))
