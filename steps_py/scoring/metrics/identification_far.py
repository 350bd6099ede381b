"""False alarms of identification."""

from steps_py.scoring.metrics.base import METRICS
from steps_py.scoring.metrics.bayes import BayesMetric


@METRICS.register("identification_far")
class IdentificationFar(BayesMetric):
    """Unknown test utterances, in percent, that some model accepts at the Bayes threshold."""

    names = ("identification_far_percent", "ident. FAR %")
    decimals, min_width = 2, 0
    identifies = True

    def compute(self, trials):
        unknown = trials.unknown_utterances()
        return 100 * unknown.mean(unknown.best_U >= self.threshold)
