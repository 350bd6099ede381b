"""Equal error rate."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from steps_py.scoring.error_rates import eer_of_rates
from steps_py.scoring.metrics.base import METRICS, Metric

if TYPE_CHECKING:
    import numpy as np

    from steps_py.scoring.weighted_trials import WeightedTrials


@METRICS.register("eer")
class Eer(Metric):
    """The rate in percent where misses and false alarms are equally frequent, linear on the ROC."""

    name, title = "eer_percent", "EER %"
    decimals, min_width = 3, 0

    @dataclass(frozen=True, kw_only=True)
    class Config:
        pass

    def compute(self, trials: "WeightedTrials") -> "np.ndarray":
        return 100 * eer_of_rates(trials.p_miss_DK, trials.p_fa_DK)
