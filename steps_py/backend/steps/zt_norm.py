"""ZT-normalisation of scores."""

from steps_py.backend.steps.base import STEPS
from steps_py.backend.steps.cohort_step import CohortStep


@STEPS.register("zt_norm")
class ZtNorm(CohortStep):
    """Z-normalised scores relative to those of the test utterance with a cohort.

    Library: `steps_py.backend.score_norm.Sides.zt_norm`.
    """

    def normalise(self, score_T, sides):
        return sides.zt_norm(score_T, self.config.top_n, self.config.ddof)
