"""Occlusion in frequency."""

from dataclasses import dataclass

from steps_py.attribution.methods.base import METHODS, Attribution, Method
from steps_py.attribution.methods.occlusion import occluded
from steps_py.settings.declare import Count, setting


@METHODS.register("occlusion_frequency")
class OcclusionInFrequency(Method):
    """By how much the score falls if some dimensions of all frames are replaced by the baseline.

    M. D. Zeiler and R. Fergus, "Visualizing and understanding convolutional networks", ECCV 2014.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        dims: Count = setting(2, "dimensions that are replaced together")
        every_dims: Count = setting(1, "dimensions from one place to the next")

    def attribute(self, explained):
        length = len(explained.x_TD)
        dims = (self.config.dims, self.config.every_dims)
        return Attribution(occluded(explained, (length, length), dims))
