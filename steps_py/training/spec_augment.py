"""SpecAugment: time and frequency masks on the training features.

Shape suffixes (scope: this module):
    B = chunks   T = frames   D = feature dimension   X = T or D
"""

import numpy as np
import torch

from steps_py.draws import generator
from steps_py.model.config import MasksConfig
from steps_py.training.config import TrainConfig


class SpecAugment:
    """Sets random ranges of frames and of feature dimensions to 0, the mean after normalisation.

    Width (from 0 to a limit) and position of each mask are uniform and drawn per chunk, as a
    function of (seed, step, rank).

    Source: D. S. Park et al., "SpecAugment: a simple data augmentation method for automatic
    speech recognition", Interspeech 2019, section 2, without time warping.
    """

    def __init__(self, config: MasksConfig, seed: int):
        self.config, self._seed = config, seed

    @classmethod
    def from_config(cls, config: TrainConfig) -> "SpecAugment":
        """The masks of ``train.spec_augment``; without it there are none."""
        none = MasksConfig(num_time_masks=0, num_freq_masks=0)
        return cls(config.spec_augment or none, config.seed)

    def apply(
        self, step: int, x_BTD: torch.Tensor, *others: torch.Tensor, rank: int = 0
    ) -> tuple[torch.Tensor, ...]:
        """Apply masks to x_BTD; the other elements of the batch are returned unchanged."""
        config = self.config
        limits = [(config.num_time_masks, config.max_time_frames, 1)]
        limits += [(config.num_freq_masks, config.max_freq_bins, 2)]
        random = generator(self._seed, "spec_augment", step, rank)
        for num_masks, max_width, axis in limits:
            for _ in range(num_masks):
                mask_BX = draw_masks(random, len(x_BTD), x_BTD.shape[axis], max_width)
                mask = torch.from_numpy(mask_BX).to(x_BTD.device).unsqueeze(3 - axis)
                x_BTD = x_BTD.masked_fill(mask, 0.0)
        return x_BTD, *others


def draw_masks(
    random: np.random.Generator, num_chunks: int, size: int, max_width: int
) -> np.ndarray:
    """One mask per chunk, bool (B, size): true on a range of at most `max_width`.

    >>> draw_masks(np.random.default_rng(0), 100, 30, 4).sum(axis=1).max()
    np.int64(4)
    """
    width_B1 = random.integers(min(max_width, size), endpoint=True, size=(num_chunks, 1))
    start_B1 = random.integers(size - width_B1, endpoint=True)
    index = np.arange(size)
    return (start_B1 <= index) & (index < start_B1 + width_B1)
