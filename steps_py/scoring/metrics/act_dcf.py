"""Actual detection cost."""

from dataclasses import dataclass

import numpy as np

from steps_py.scoring.error_rates import dcf
from steps_py.scoring.metrics.base import METRICS, LlrMetric
from steps_py.scoring.operating_point import bayes_threshold, check_operating_point, named


@METRICS.register("act_dcf")
class ActDcf(LlrMetric):
    """The detection cost at the Bayes threshold of the scores, which must be LLRs.

    A trial is accepted from log(c_fa (1 - p_target) / (c_miss p_target)) on.  The cost is divided
    by that of the better trivial system, and may be above 1.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config(LlrMetric.Config):
        p_target: float  # prior of a target trial
        c_miss: float = 1.0
        c_fa: float = 1.0

        def __post_init__(self):
            check_operating_point("act_dcf", self)

    def __init__(self, config):
        super().__init__(config)
        self.name, self.title = named("act_dcf", "actDCF", config)
        self._point = (config.p_target, config.c_miss, config.c_fa)

    def compute(self, trials):
        p_miss_D = trials.target_mean(self._rejects)
        p_fa_D = 1 - trials.nontarget_mean(self._rejects)
        return dcf(p_miss_D, p_fa_D, *self._point)

    def _rejects(self, scores):
        return np.less(scores, bayes_threshold(*self._point))
