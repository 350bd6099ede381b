"""Within-class covariance normalisation."""

from dataclasses import dataclass

from steps_py.backend.projections import wccn
from steps_py.backend.steps.base import STEPS
from steps_py.backend.steps.linear_transform import LinearTransform
from steps_py.settings.declare import setting


@STEPS.register("wccn")
class Wccn(LinearTransform):
    """Make the covariance of a speaker's vectors unit.

    Library: `steps_py.backend.projections.wccn`.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        smoothing: float = setting(
            0.0, "share of the unit matrix in that covariance", minimum=0, maximum=1
        )

    def matrix(self, stats):
        return wccn(stats, self.config.smoothing)
