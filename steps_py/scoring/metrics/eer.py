"""Equal error rate."""

from dataclasses import dataclass

from steps_py.scoring.error_rates import eer
from steps_py.scoring.metrics.base import METRICS, Metric


@METRICS.register("eer")
class Eer(Metric):
    """The error rate in percent where misses and false alarms are equally frequent."""

    name, title = "eer_percent", "EER %"
    decimals, min_width = 3, 0

    @dataclass(frozen=True, kw_only=True)
    class Config:
        pass

    def compute(self, target_scores, nontarget_scores):
        return 100 * eer(target_scores, nontarget_scores)
