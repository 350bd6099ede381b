"""Gemini DF-ResNet: a deep residual network that halves the frames once only.

Shape suffixes: B batch, T frames, D feature dimension, C channels, F frequency bins.

References: T. Liu et al., "Golden Gemini is all you need: Finding the sweet spots for speaker
verification", TASLP 2024; B. Liu et al., "DF-ResNet: Boosting speaker verification performance
with depth-first design", Interspeech 2022, table 1.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from steps_py.model.layers.conv import ConvNorm2d
from steps_py.model.registries import ENCODERS
from steps_py.settings.declare import Count, setting

WIDTHS = (1, 2, 4, 8)  # of a stage, in units of base_dim
STRIDES = ((1, 2), (2, 2), (1, 2), (1, 2))  # of frames and bins, before each stage
EXPANSION = 4


@ENCODERS.register("gemini_df_resnet")
class GeminiDfResNet(nn.Module):
    """Four stages of inverted bottlenecks, each after a convolution that halves the bins.

    With 3, 3, n and 3 blocks the depth is 3 (n + 9) + 6: 60 with n = 9, 114 with 27, 179 with
    (3, 8, 45, 3), 237 with (3, 8, 63, 3).  Channels and bins of the output are flattened.

    >>> config = GeminiDfResNet.Config(base_dim=4, num_blocks=(1, 1, 1, 1))
    >>> GeminiDfResNet(config, in_dim=32)(torch.zeros(2, 20, 32), None)[0].shape
    torch.Size([2, 10, 64])
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        base_dim: Count = 32
        num_blocks: tuple[Count, Count, Count, Count] = setting(
            (3, 3, 27, 3), "blocks of each stage"
        )

    def __init__(self, config: Config, in_dim: int):
        super().__init__()
        dim, num_bins = config.base_dim, in_dim
        self.first = ConvNorm2d(1, dim)
        self.halvings, self.stages = nn.ModuleList(), nn.ModuleList()
        for width, stride, num_blocks in zip(WIDTHS, STRIDES, config.num_blocks, strict=True):
            self.halvings.append(ConvNorm2d(dim, config.base_dim * width, stride=stride))
            dim, num_bins = config.base_dim * width, -(-num_bins // stride[1])
            self.stages.append(nn.ModuleList(InvertedBottleneck(dim) for _ in range(num_blocks)))
        self.out_dim = dim * num_bins
        self.min_frames = 1

    def forward(
        self, x_BTD: torch.Tensor, mask_BT: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Frames (B, T, D) -> frames (B, T / 2 rounded up, C); padding of the input is 0."""
        x_BCTF, _ = self.first(x_BTD[:, None], mask_BT)
        for halve, blocks in zip(self.halvings, self.stages, strict=True):
            x_BCTF, mask_BT = halve(x_BCTF, mask_BT)
            for block in blocks:
                x_BCTF = block(x_BCTF, mask_BT)
        return x_BCTF.transpose(1, 2).contiguous().flatten(2), mask_BT


class InvertedBottleneck(nn.Module):
    """Affine to four times the channels, a convolution of each channel, an affine back."""

    def __init__(self, dim):
        super().__init__()
        wide = EXPANSION * dim
        self.widen = ConvNorm2d(dim, wide, 1)
        self.conv = ConvNorm2d(wide, wide, groups=wide)
        self.narrow = ConvNorm2d(wide, dim, 1)

    def forward(self, x_BCTF, mask_BT):
        y_BCTF = F.relu(self.widen(x_BCTF, mask_BT)[0])
        y_BCTF = F.relu(self.conv(y_BCTF, mask_BT)[0])
        return F.relu(self.narrow(y_BCTF, mask_BT)[0] + x_BCTF)
