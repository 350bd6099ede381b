"""One error rate at a given other."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from steps_py.errors import ConfigError
from steps_py.scoring.metrics.base import METRICS, Metric

if TYPE_CHECKING:
    from steps_py.scoring.weighted_trials import WeightedTrials


def _check_rate(name, key, rate):
    if not 0 <= rate < 1:
        raise ConfigError(f"{name}: {key} is {rate:g}. Give a rate from 0 and below 1.")


@METRICS.register("fnr_at_fpr")
class FnrAtFpr(Metric):
    """The lowest miss rate, in percent, of the thresholds with at most this false-alarm rate."""

    decimals, min_width = 3, 0

    @dataclass(frozen=True, kw_only=True)
    class Config:
        fpr: float = 0.01  # a fraction

        def __post_init__(self):
            _check_rate("fnr_at_fpr", "fpr", self.fpr)

    def __init__(self, config):
        super().__init__(config)
        self.name = f"fnr_percent_at_fpr_{config.fpr:g}"
        self.title = f"FNR % at FPR {config.fpr:g}"

    def compute(self, trials: "WeightedTrials") -> np.ndarray:
        allowed_DK = trials.p_fa_DK <= self.config.fpr
        return 100 * np.where(allowed_DK, trials.p_miss_DK, 1).min(axis=1)


@METRICS.register("fpr_at_fnr")
class FprAtFnr(Metric):
    """The lowest false-alarm rate, in percent, of the thresholds with at most this miss rate."""

    decimals, min_width = 3, 0

    @dataclass(frozen=True, kw_only=True)
    class Config:
        fnr: float = 0.01  # a fraction

        def __post_init__(self):
            _check_rate("fpr_at_fnr", "fnr", self.fnr)

    def __init__(self, config):
        super().__init__(config)
        self.name = f"fpr_percent_at_fnr_{config.fnr:g}"
        self.title = f"FPR % at FNR {config.fnr:g}"

    def compute(self, trials: "WeightedTrials") -> np.ndarray:
        allowed_DK = trials.p_miss_DK <= self.config.fnr
        return 100 * np.where(allowed_DK, trials.p_fa_DK, 1).min(axis=1)
