"""Z-normalisation of scores."""

from steps_py.backend.steps.base import STEPS
from steps_py.backend.steps.cohort_step import CohortStep


@STEPS.register("z_norm")
class ZNorm(CohortStep):
    """Scores relative to those of the enrolment with a cohort.

    Library: `steps_py.backend.score_norm.Sides.z_norm`.
    """

    def normalise(self, score_T, sides):
        return sides.z_norm(score_T, self.config.top_n, self.config.ddof)
