"""False rejections of identification."""

from typing import TYPE_CHECKING

from steps_py.scoring.metrics.base import METRICS
from steps_py.scoring.metrics.bayes import BayesMetric

if TYPE_CHECKING:
    import numpy as np

    from steps_py.scoring.weighted_trials import WeightedTrials


@METRICS.register("identification_frr")
class IdentificationFrr(BayesMetric):
    """Known test utterances, in percent, that are not named at the Bayes threshold.

    Their own model is not the best one, or scores below the threshold.
    """

    names = ("identification_frr_percent", "ident. FRR %")
    decimals, min_width = 2, 0
    identifies = True

    def compute(self, trials: "WeightedTrials") -> "np.ndarray":
        known = trials.known_utterances()
        is_named_U = (known.rank_U == 1) & (known.own_U >= self.threshold)
        return 100 * known.mean(~is_named_U)
