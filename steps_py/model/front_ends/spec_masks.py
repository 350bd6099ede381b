"""Random masks over frames and feature dimensions, in training only.

Shape suffixes: B batch, T frames, D feature dimension, X frames or dimensions.

Reference: D. S. Park et al., "SpecAugment: A simple data augmentation method for automatic speech
recognition", Interspeech 2019, section 2, without time warping.
"""

import torch
from torch import nn

from steps_py.model.config import MasksConfig
from steps_py.model.registries import FRONT_ENDS


@FRONT_ENDS.register("spec_masks")
class SpecMasks(nn.Module):
    """Sets random ranges of frames and of dimensions to 0, drawn for each chunk like dropout.

    ``train.spec_augment`` masks the features that the network receives; this class masks what the
    front-ends before it in the chain make of them, such as a learned filter bank.

    >>> front_end = SpecMasks(SpecMasks.Config(num_time_masks=0, max_freq_bins=9), in_dim=9)
    >>> x_BTD = torch.ones(2, 5, 9)
    >>> bool((front_end.eval()(x_BTD, None)[0] == x_BTD).all())
    True
    """

    Config = MasksConfig

    def __init__(self, config: MasksConfig, in_dim: int):
        super().__init__()
        self.config, self.out_dim = config, in_dim
        self.min_frames = self.frame_stride = 1

    def forward(
        self, x_BTD: torch.Tensor, mask_BT: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        if not self.training:
            return x_BTD, mask_BT
        num_chunks, num_frames, num_bins = x_BTD.shape
        full_B = x_BTD.new_full((num_chunks,), 1, dtype=torch.long)
        frames_B = full_B * num_frames if mask_BT is None else mask_BT.sum(dim=1)
        for _ in range(self.config.num_time_masks):
            hidden_BT = draw_ranges(frames_B, num_frames, self.config.max_time_frames)
            x_BTD = x_BTD.masked_fill(hidden_BT[:, :, None], 0)
        for _ in range(self.config.num_freq_masks):
            hidden_BD = draw_ranges(full_B * num_bins, num_bins, self.config.max_freq_bins)
            x_BTD = x_BTD.masked_fill(hidden_BD[:, None, :], 0)
        return x_BTD, mask_BT


def draw_ranges(size_B: torch.Tensor, size: int, max_width: int) -> torch.Tensor:
    """A range of each chunk, bool (B, size): at most `max_width` of the first `size_B`.

    Width and position are uniform.  The numbers that are drawn do not depend on `size`.

    >>> draw_ranges(torch.full((100,), 30), 40, 4).sum(dim=1).max() <= 4
    tensor(True)
    """
    width_at, start_at = torch.rand(2, len(size_B), device=size_B.device)
    width_B = (width_at * (size_B.clamp(max=max_width) + 1)).long()
    start_B = (start_at * (size_B - width_B + 1)).long()
    index_X = torch.arange(size, device=size_B.device)
    return (index_X >= start_B[:, None]) & (index_X < (start_B + width_B)[:, None])
