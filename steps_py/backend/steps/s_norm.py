"""S-normalisation of scores."""

from steps_py.backend.steps.base import STEPS
from steps_py.backend.steps.cohort_step import CohortStep


@STEPS.register("s_norm")
class SNorm(CohortStep):
    """The mean of Z- and T-normalised scores.

    Library: `steps_py.backend.score_norm.Sides.s_norm`.
    """

    def normalise(self, score_T, sides):
        return sides.s_norm(score_T, self.config.top_n, self.config.ddof)
