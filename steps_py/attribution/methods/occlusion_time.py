"""Occlusion in time."""

from dataclasses import dataclass

from steps_py.attribution.methods.base import METHODS, Attribution, Method
from steps_py.attribution.methods.occlusion import occluded
from steps_py.settings.declare import Count, setting


@METHODS.register("occlusion_time")
class OcclusionInTime(Method):
    """By how much the score falls if all features of some frames are replaced by the baseline.

    M. D. Zeiler and R. Fergus, "Visualizing and understanding convolutional networks", ECCV 2014.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        frames: Count = setting(20, "frames that are replaced together")
        every_frames: Count = setting(10, "frames from one place to the next")

    def attribute(self, explained):
        dim = explained.x_TD.shape[1]
        frames = (self.config.frames, self.config.every_frames)
        return Attribution(occluded(explained, frames, (dim, dim)))
