"""Equal error rate of the convex hull."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from steps_py.scoring.error_rates import eer_of_rates
from steps_py.scoring.hull import hull_of
from steps_py.scoring.metrics.base import METRICS, Metric

if TYPE_CHECKING:
    from steps_py.scoring.weighted_trials import WeightedTrials


@METRICS.register("eer_rocch")
class EerRocch(Metric):
    """The rate in percent where the ROC's convex hull has as many misses as false alarms.

    It is at most 50.  Brümmer and de Villiers, BOSARIS toolkit, 2011.
    """

    name, title = "eer_rocch_percent", "EER % hull"
    decimals, min_width = 3, 0

    @dataclass(frozen=True, kw_only=True)
    class Config:
        pass

    def compute(self, trials: "WeightedTrials") -> np.ndarray:
        hulls = (hull_of(*counts) for counts in trials.one_by_one())
        rates = (eer_of_rates(p_miss_V[None], p_fa_V[None])[0] for p_miss_V, p_fa_V in hulls)
        return 100 * np.fromiter(rates, float)
