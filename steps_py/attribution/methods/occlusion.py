"""Occlusion of rectangles, and what occlusions in one direction share.

Shape suffixes: T frames, D feature dimension.
"""

from dataclasses import dataclass

import torch

from steps_py.attribution.methods.base import METHODS, Attribution, Method
from steps_py.settings.declare import Count, setting


@METHODS.register("occlusion")
class Occlusion(Method):
    """By how much the score falls if a rectangle is replaced by the baseline.

    Where rectangles overlap the mean counts.

    M. D. Zeiler and R. Fergus, "Visualizing and understanding convolutional networks", ECCV 2014.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        frames: Count = setting(20, "frames of a rectangle")
        dims: Count = setting(8, "dimensions of a rectangle")
        every_frames: Count = setting(10, "frames from one to the next")
        every_dims: Count = setting(4, "dimensions from one to the next")

    def attribute(self, explained):
        config = self.config
        frames = (config.frames, config.every_frames)
        return Attribution(occluded(explained, frames, (config.dims, config.every_dims)))


def occluded(explained, frames: tuple[int, int], dims: tuple[int, int]) -> torch.Tensor:
    """The mean fall of the score for each feature; sizes and distances of the rectangles."""
    x_TD, value = explained.x_TD, explained.value()
    total_TD, count_TD = torch.zeros_like(x_TD), torch.zeros_like(x_TD)
    for rows in _windows(len(x_TD), *frames):
        for columns in _windows(x_TD.shape[1], *dims):
            hidden_TD = x_TD.clone()
            hidden_TD[rows, columns] = explained.baseline_TD[rows, columns]
            total_TD[rows, columns] += value - float(explained.scores(hidden_TD[None])[0])
            count_TD[rows, columns] += 1
    return total_TD / count_TD.clamp(min=1)


def _windows(length, size, every):
    """Slices that cover `length`; the last one may be shorter."""
    end = 0
    for start in range(0, length, every):
        if end >= length:
            return
        end = min(start + size, length)
        yield slice(start, end)
