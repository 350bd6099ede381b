"""Masks over time and frequency of the features that are trained on.

Shape suffixes (scope: this module):
    B = chunks   T = frames   D = feature dimension
"""

import numpy as np
import torch

from steps_py.draws import generator
from steps_py.training.config import SpecAugmentConfig


class SpecAugment:
    """Sets random stretches of frames, and of feature dimensions, to 0: their mean over a window.

    Each mask is as wide as is drawn from 0 to its limit, and lies anywhere; each chunk has
    its own.  Drawn by (seed, step) for the chunks of one process.

    Source: D. S. Park et al., "SpecAugment: a simple data augmentation method for automatic
    speech recognition", Interspeech 2019, section 2, without time warping.
    """

    def __init__(self, config, seed):
        self.config, self._seed = config, seed

    @classmethod
    def of(cls, config):
        """The masks of a TrainConfig; none if it has no such section."""
        none = SpecAugmentConfig(num_time_masks=0, num_freq_masks=0)
        return cls(config.spec_augment or none, config.seed)

    def apply(self, step, x_BTD, *others, rank=0):
        """The features with masks on them, and what else belongs to the batch."""
        config = self.config
        limits = [(config.num_time_masks, config.max_time_frames, 1)]
        limits += [(config.num_freq_masks, config.max_freq_bins, 2)]
        random = generator(self._seed, "spec_augment", step, rank)
        for number, most, axis in limits:
            for _ in range(number):
                hidden_BX = draw_masks(random, len(x_BTD), x_BTD.shape[axis], most)
                hidden = torch.from_numpy(hidden_BX).to(x_BTD.device).unsqueeze(3 - axis)
                x_BTD = x_BTD.masked_fill(hidden, 0.0)
        return x_BTD, *others


def draw_masks(random, num_chunks, size, most):
    """True where a mask lies: bool (B, size), a stretch of at most `most` in each row.

    >>> draw_masks(np.random.default_rng(0), 100, 30, 4).sum(axis=1).max()
    np.int64(4)
    """
    width_B1 = random.integers(min(most, size), endpoint=True, size=(num_chunks, 1))
    start_B1 = random.integers(size - width_B1, endpoint=True)
    place = np.arange(size)
    return (start_B1 <= place) & (place < start_B1 + width_B1)
