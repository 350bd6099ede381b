"""Actual detection cost."""

from typing import TYPE_CHECKING

import numpy as np

from steps_py.scoring.error_rates import dcf
from steps_py.scoring.metrics.base import METRICS
from steps_py.scoring.metrics.bayes import BayesMetric

if TYPE_CHECKING:
    from steps_py.scoring.weighted_trials import WeightedTrials


@METRICS.register("act_dcf")
class ActDcf(BayesMetric):
    """The detection cost at the Bayes threshold of the scores, which must be LLRs.

    The cost is divided by that of the better trivial system, and may be above 1.
    """

    names = ("act_dcf", "actDCF")

    def compute(self, trials: "WeightedTrials") -> np.ndarray:
        p_miss_D = trials.target_mean(self._rejects)
        p_fa_D = 1 - trials.nontarget_mean(self._rejects)
        config = self.config
        return dcf(p_miss_D, p_fa_D, config.p_target, config.c_miss, config.c_fa)

    def _rejects(self, scores):
        return np.less(scores, self.threshold)
