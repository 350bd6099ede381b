"""Res2Net over time and frequency.

Shape suffixes: B batch, T frames, D feature dimension, C channels, F frequency bins.

References: S.-H. Gao et al., "Res2Net: A new multi-scale backbone architecture", TPAMI 2019; for
speakers, T. Zhou et al., "ResNeXt and Res2Net structures for speaker verification", SLT 2021.
"""

from dataclasses import dataclass

import torch
from torch import nn

from steps_py.model.layers.conv import ConvNorm2d
from steps_py.model.layers.res2_block import clipped_relu, make_res2_stages
from steps_py.model.registries import ENCODERS
from steps_py.settings.declare import Count, setting


@ENCODERS.register("res2net")
class Res2Net(nn.Module):
    """Stages of Res2Net blocks; all but the first halve frames and frequency bins.

    Stage s has ``base_dim * 2**s * expansion`` channels, and ReLU is cut at 20.  Channels and
    bins of the output are flattened.

    >>> encoder = Res2Net(Res2Net.Config(base_dim=4), in_dim=24)
    >>> encoder(torch.zeros(2, 20, 24), None)[0].shape    # 64 channels of 3 bins
    torch.Size([2, 3, 192])
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        base_dim: Count = 32
        num_blocks: tuple[Count, ...] = setting((3, 4, 6, 3), "blocks of each stage")
        group_width: Count = setting(32, "channels of a group for each 64 of the stage's width")
        scale: int = setting(2, "groups of a block; the last is not convolved", minimum=2)
        expansion: Count = setting(2, "channels of a block's output per channel of its width")

    def __init__(self, config: Config, in_dim: int):
        super().__init__()
        self.first = ConvNorm2d(1, config.base_dim)
        stages = make_res2_stages(config, convolve_last=False)
        self.blocks = nn.ModuleList(block for blocks in stages for block in blocks)
        num_bins = -(-in_dim // 2 ** (len(stages) - 1))
        self.out_dim = config.base_dim * 2 ** (len(stages) - 1) * config.expansion * num_bins
        self.min_frames = 1

    def forward(
        self, x_BTD: torch.Tensor, mask_BT: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Frames (B, T, D) -> frames (B, T / 8 rounded up, C); padding of the input is 0."""
        x_BCTF, mask_BT = self.first(x_BTD[:, None], mask_BT)
        x_BCTF = clipped_relu(x_BCTF)
        for block in self.blocks:
            x_BCTF, mask_BT = block(x_BCTF, mask_BT)
        return x_BCTF.transpose(1, 2).contiguous().flatten(2), mask_BT
