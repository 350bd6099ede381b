"""Group norm of each channel over real frames.

Shape suffixes: B batch, C channels, T frames.

Reference: Y. Wu and K. He, "Group normalization", ECCV 2018, with a group for each channel.
"""

import torch
from torch import nn

from steps_py.model.layers.masks import frame_mask, mean_over_frames, zero_padding


class MaskedChannelNorm(nn.GroupNorm):
    """Takes the place of a GroupNorm with a group for each channel, in a network of others' code.

    As that code passes frames only, the numbers of real frames are set before, `num_frames_B`.

    >>> norm = MaskedChannelNorm(nn.GroupNorm(1, 1, eps=1e-9))
    >>> norm.num_frames_B = torch.tensor([2])
    >>> norm(torch.tensor([[[1.0, 3.0, 50.0]]])).flatten().tolist()
    [-1.0, 1.0, 0.0]
    """

    def __init__(self, norm: nn.GroupNorm):
        super().__init__(norm.num_groups, norm.num_channels, norm.eps)
        self.weight, self.bias = norm.weight, norm.bias
        self.num_frames_B = None

    def forward(self, x_BCT: torch.Tensor) -> torch.Tensor:
        if self.num_frames_B is None:
            return super().forward(x_BCT)
        mask_BT = frame_mask(self.num_frames_B, x_BCT.shape[2])
        centred_BCT = x_BCT - mean_over_frames(x_BCT, mask_BT)[:, :, None]
        var_BC = mean_over_frames(centred_BCT.square(), mask_BT)
        y_BCT = centred_BCT * (var_BC + self.eps).rsqrt()[:, :, None]
        y_BCT = y_BCT * self.weight[:, None] + self.bias[:, None]
        return zero_padding(y_BCT, mask_BT).to(x_BCT.dtype)
