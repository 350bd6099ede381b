"""Normalisation of mean and variance over the dimensions of each frame.

Shape suffixes: B batch, T frames, D feature dimension.

Reference: C. Li et al., "Deep Speaker: an end-to-end neural speaker embedding system",
arXiv:1705.02304, 2017, section 4.1, as in the implementation by P. Remy.
"""

from dataclasses import dataclass

import torch
from torch import nn

from steps_py.model.layers.masks import zero_padding
from steps_py.model.registries import FRONT_ENDS
from steps_py.settings.declare import setting


@FRONT_ENDS.register("frame_norm")
class FrameNorm(nn.Module):
    """(x - mean) / std of each frame over its dimensions: neither depends on the level.

    A frame whose dimensions are equal becomes 0.

    >>> front_end = FrameNorm(FrameNorm.Config(), in_dim=2)
    >>> front_end(torch.tensor([[[1.0, 5.0], [2.0, 2.0]]]), None)[0].tolist()
    [[[-1.0, 1.0], [0.0, 0.0]]]
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        std_floor: float = setting(1e-12, "least standard deviation", exclusiveMinimum=0)

    def __init__(self, config: Config, in_dim: int):
        super().__init__()
        self.std_floor, self.out_dim = config.std_floor, in_dim
        self.min_frames = self.frame_stride = 1

    def forward(
        self, x_BTD: torch.Tensor, mask_BT: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        x_BTD = x_BTD.float()  # energies without a logarithm exceed the range of half precision
        centred_BTD = x_BTD - x_BTD.mean(dim=2, keepdim=True)
        std_BT1 = centred_BTD.square().mean(dim=2, keepdim=True).sqrt()
        y_BTD = centred_BTD / std_BT1.clamp_min(self.std_floor)
        return zero_padding(y_BTD.mT, mask_BT).mT, mask_BT
