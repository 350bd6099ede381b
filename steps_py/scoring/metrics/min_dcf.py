"""Minimum detection cost."""

from dataclasses import dataclass

from steps_py.errors import ConfigError
from steps_py.scoring.error_rates import min_dcf
from steps_py.scoring.metrics.base import METRICS, Metric


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
            if not 0 < self.p_target < 1:
                raise ConfigError(
                    f"min_dcf: p_target is {self.p_target:g}. Give a value between 0 and 1."
                )
            for name in ("c_miss", "c_fa"):
                if not getattr(self, name) > 0:
                    value = getattr(self, name)
                    raise ConfigError(f"min_dcf: {name} is {value:g}. Give a value above 0.")

    def __init__(self, config):
        super().__init__(config)
        self.name, self.title = f"min_dcf_{config.p_target:g}", f"minDCF {config.p_target:g}"
        if (config.c_miss, config.c_fa) != (1, 1):
            self.name += f"_{config.c_miss:g}_{config.c_fa:g}"
            self.title += f" {config.c_miss:g}:{config.c_fa:g}"

    def compute(self, target_scores, nontarget_scores):
        config = self.config
        return min_dcf(target_scores, nontarget_scores, config.p_target, config.c_miss, config.c_fa)
