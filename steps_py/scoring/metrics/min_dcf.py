"""Minimum detection cost."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from steps_py.scoring.error_rates import dcf
from steps_py.scoring.metrics.base import METRICS, Metric
from steps_py.scoring.operating_point import check_operating_point, named

if TYPE_CHECKING:
    import numpy as np

    from steps_py.scoring.weighted_trials import WeightedTrials


@METRICS.register("min_dcf")
class MinDcf(Metric):
    """The detection cost at the best threshold, divided by that of the better trivial system.

    >>> [MinDcf(MinDcf.Config(p_target=0.01, c_miss=cost)).title for cost in (1, 10)]
    ['minDCF 0.01', 'minDCF 0.01 10:1']
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        p_target: float  # prior of a target trial
        c_miss: float = 1.0
        c_fa: float = 1.0

        def __post_init__(self):
            check_operating_point("min_dcf", self)

    def __init__(self, config):
        super().__init__(config)
        self.name, self.title = named("min_dcf", "minDCF", config)

    def compute(self, trials: "WeightedTrials") -> "np.ndarray":
        point = (self.config.p_target, self.config.c_miss, self.config.c_fa)
        return dcf(trials.p_miss_DK, trials.p_fa_DK, *point).min(axis=1)
