"""False alarms of identification."""

from typing import TYPE_CHECKING

from steps_py.scoring.metrics.base import METRICS
from steps_py.scoring.metrics.bayes import BayesMetric

if TYPE_CHECKING:
    import numpy as np

    from steps_py.scoring.weighted_trials import WeightedTrials


@METRICS.register("identification_far")
class IdentificationFar(BayesMetric):
    """Unknown test utterances, in percent, that some model accepts at the Bayes threshold."""

    names = ("identification_far_percent", "ident. FAR %")
    decimals, min_width = 2, 0
    identifies = True

    def compute(self, trials: "WeightedTrials") -> "np.ndarray":
        unknown = trials.unknown_utterances()
        return 100 * unknown.mean(unknown.best_U >= self.threshold)
