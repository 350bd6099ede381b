"""Share of right decisions."""

from dataclasses import dataclass

from steps_py.scoring.metrics.base import METRICS, Metric


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

    def compute(self, trials):
        wrong_KD = (
            trials.p_miss_KD * trials.num_targets_D + trials.p_fa_KD * trials.num_nontargets_D
        )
        return 100 * (1 - wrong_KD.min(axis=0) / (trials.num_targets_D + trials.num_nontargets_D))
