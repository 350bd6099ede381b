"""Nuisance attribute projection."""

from dataclasses import dataclass

from steps_py.backend.projections import nap
from steps_py.backend.steps.base import STEPS
from steps_py.backend.steps.linear_transform import LinearTransform
from steps_py.settings.declare import setting


@STEPS.register("nap")
class Nap(LinearTransform):
    """Remove the directions in which vectors of one speaker differ most.

    Library: `steps_py.backend.projections.nap`.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        num_directions: int = setting(10, "directions that are removed", minimum=1)

    def matrix(self, stats):
        return nap(stats, self.config.num_directions)
