"""Cost of log-likelihood ratios after perfect calibration."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from steps_py.scoring.hull import min_cllr_of
from steps_py.scoring.metrics.base import METRICS, Metric

if TYPE_CHECKING:
    from steps_py.scoring.weighted_trials import WeightedTrials


@METRICS.register("min_cllr")
class MinCllr(Metric):
    """Cllr in bits after the monotonous map of the scores that makes it lowest.

    The map is that of pool adjacent violators; tied trials are one point, targets are not placed
    above nontargets of the same score.  Brümmer and du Preez 2006.
    """

    name, title = "min_cllr_bits", "minCllr"

    @dataclass(frozen=True, kw_only=True)
    class Config:
        pass

    def compute(self, trials: "WeightedTrials") -> np.ndarray:
        return np.fromiter((min_cllr_of(*counts) for counts in trials.one_by_one()), float)
