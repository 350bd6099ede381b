"""Whitening."""

from dataclasses import dataclass

from steps_py.backend.projections import zca
from steps_py.backend.steps.base import STEPS
from steps_py.backend.steps.linear_transform import LinearTransform


@STEPS.register("zca")
class Zca(LinearTransform):
    """Make the mean of the training vectors zero and their covariance unit, turning them least.

    Library: `steps_py.backend.projections.zca`.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        pass

    def matrix(self, stats):
        return zca(stats)
