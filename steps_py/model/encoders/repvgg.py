"""RepVGG: three parallel branches in training, one convolution in extraction.

Shape suffixes: B batch, T frames, D feature dimension, C channels, F frequency bins.

References: X. Ding et al., "RepVGG: Making VGG-style ConvNets great again", CVPR 2021, section
3.3 and tables 2 and 3; for speakers, M. Zhao et al., "The SpeakIn system for VoxCeleb speaker
recognition challenge 2021", arXiv:2109.01989, 2021; with a dilated branch, Y. Ma et al., "Rep
works in speaker verification", arXiv:2110.09720, 2021.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

import torch
import torch.nn.functional as F
from torch import nn

from steps_py.model.layers.conv import ConvNorm2d, every
from steps_py.model.layers.masks import zero_padding
from steps_py.model.layers.norm import MaskedBatchNorm
from steps_py.model.layers.squeeze_excitation import SqueezeExcitation
from steps_py.model.registries import ENCODERS
from steps_py.settings.declare import Count, Keywords, setting

GROUPED = range(2, 27, 2)  # blocks, from 0, that can have groups: the paper's 3rd to 27th layer
Factor = Annotated[float, Keywords(exclusiveMinimum=0)]


@ENCODERS.register("repvgg")
class RepVgg(nn.Module):
    """A block, then four stages of blocks; all stages but the first halve frames and bins.

    A block is the sum of a convolution of 3 x 3, one of 1 x 1 and the identity, each with batch
    norm, and ReLU.  With `second_branch` ``dilated`` the second one is 3 x 3 as well, over every
    second frame and bin (RSBB).  `merge_branches` makes one convolution of each block, for
    extraction: of 5 x 5 with the dilated branch, which is larger than both.  Channels and bins of
    the output are flattened.  Networks of the paper, and the tiny one:

    =======  ==============  =====================
    name     num_blocks      width_factors
    =======  ==============  =====================
    tiny A0  3, 4, 23, 3     0.5, 0.5, 0.5, 0.5
    A0       2, 4, 14, 1     0.75, 0.75, 0.75, 2.5
    A1       2, 4, 14, 1     1, 1, 1, 2.5
    A2       2, 4, 14, 1     1.5, 1.5, 1.5, 2.75
    B0       4, 6, 16, 1     1, 1, 1, 2.5
    B1       4, 6, 16, 1     2, 2, 2, 4
    B2       4, 6, 16, 1     2.5, 2.5, 2.5, 5
    B3       4, 6, 16, 1     3, 3, 3, 5
    D2       8, 14, 24, 1    2.5, 2.5, 2.5, 5
    =======  ==============  =====================

    B1g2, B1g4 and so on have `num_groups` 2 or 4; D2se has `squeeze_ratio` 4, and in wespeaker 4
    groups.

    >>> encoder = RepVgg(RepVgg.Config(base_dim=8), in_dim=24)
    >>> encoder(torch.zeros(2, 20, 24), None)[0].shape    # 32 channels of 3 bins
    torch.Size([2, 3, 96])
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        base_dim: Count = setting(64, "channels of the first stage at width factor 1")
        num_blocks: tuple[Count, Count, Count, Count] = setting(
            (3, 4, 23, 3), "blocks of each stage"
        )
        width_factors: tuple[Factor, Factor, Factor, Factor] = setting(
            (0.5, 0.5, 0.5, 0.5), "channels of each stage by 1, 2, 4 and 8 times base_dim"
        )
        second_branch: Literal["point", "dilated"] = setting(
            "point", "1 x 1, or 3 x 3 over every second frame and bin"
        )
        num_groups: Count = setting(
            1, "groups of channels of the convolutions of every second block up to the 27th"
        )
        squeeze_ratio: int = setting(
            0, "channels per hidden unit of squeeze and excitation after ReLU; 0: none", minimum=0
        )

    def __init__(self, config: Config, in_dim: int):
        super().__init__()
        sizes = zip(config.num_blocks, config.width_factors, strict=True)
        dim, num_bins = max(1, int(config.base_dim * min(1, config.width_factors[0]))), in_dim
        self.blocks = nn.ModuleList([RepVggBlock(1, dim, 1, 1, config)])
        for stage, (num_blocks, width) in enumerate(sizes):
            out_dim = max(1, int(config.base_dim * 2**stage * width))
            for number in range(num_blocks):
                stride = 2 if stage and not number else 1
                groups = config.num_groups if len(self.blocks) in GROUPED else 1
                self.blocks.append(RepVggBlock(dim, out_dim, stride, groups, config))
                dim, num_bins = out_dim, -(-num_bins // stride)
        self.out_dim = dim * num_bins
        self.min_frames = 1

    def forward(
        self, x_BTD: torch.Tensor, mask_BT: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Frames (B, T, D) -> frames (B, T / 8 rounded up, C); padding of the input is 0."""
        x_BCTF = x_BTD[:, None]
        for block in self.blocks:
            x_BCTF, mask_BT = block(x_BCTF, mask_BT)
        return x_BCTF.transpose(1, 2).contiguous().flatten(2), mask_BT

    def merge_branches(self) -> None:
        """Replace the branches of every block by one convolution that equals them in eval mode."""
        for block in self.blocks:
            block.merge_branches()


class RepVggBlock(nn.Module):
    """relu(first conv(x) + second conv(x) + x), each with batch norm; the last at equal shapes."""

    def __init__(self, in_dim, out_dim, stride, groups, config):
        super().__init__()
        self.stride, strides = stride, (stride, stride)
        self.wide = ConvNorm2d(in_dim, out_dim, 3, strides, groups=groups)
        self.point = self.dilated = None
        if config.second_branch == "point":
            self.point = ConvNorm2d(in_dim, out_dim, 1, strides, groups=groups)
        else:
            self.dilated = ConvNorm2d(in_dim, out_dim, 3, strides, dilation=2, groups=groups)
        self.identity = MaskedBatchNorm(in_dim) if in_dim == out_dim and stride == 1 else None
        self.merged = self.gate = None
        if config.squeeze_ratio:
            self.gate = SqueezeExcitation(out_dim, max(1, out_dim // config.squeeze_ratio))

    def forward(self, x_BCTF, mask_BT):
        out_mask_BT = every(mask_BT, self.stride)
        if self.merged is not None:
            y_BCTF = zero_padding(self.merged(x_BCTF), out_mask_BT)
        else:
            y_BCTF = sum(branch(x_BCTF, mask_BT)[0] for branch in self._conv_branches())
            if self.identity is not None:
                y_BCTF = y_BCTF + self.identity(x_BCTF, mask_BT)
        y_BCTF = F.relu(y_BCTF)
        if self.gate is not None:
            y_BCTF = self.gate(y_BCTF, out_mask_BT)
        return y_BCTF, out_mask_BT

    def _conv_branches(self):
        return [self.wide, self.point or self.dilated]

    @torch.no_grad()
    def merge_branches(self):
        wide, dilated = self.wide.conv, self.dilated is not None
        self.merged = nn.Conv2d(
            wide.in_channels,
            wide.out_channels,
            kernel_size=5 if dilated else 3,
            stride=wide.stride,
            padding=2 if dilated else 1,
            groups=wide.groups,
            device=wide.weight.device,
        )
        kernel_OIKK, bias_O = self.merged.weight.zero_(), self.merged.bias.zero_()
        for branch in self._conv_branches():
            gain_O, offset_O = gain_and_offset(branch.norm)
            taps = taps_of(branch.conv, kernel_OIKK)
            taps += branch.conv.weight * gain_O[:, None, None, None]
            bias_O += offset_O
        if self.identity is not None:
            gain_O, offset_O = gain_and_offset(self.identity)
            centre = kernel_OIKK.shape[2] // 2
            identity_II = torch.eye(kernel_OIKK.shape[1], device=gain_O.device)
            identity_OI = identity_II.repeat(wide.groups, 1)
            kernel_OIKK[:, :, centre, centre] += identity_OI * gain_O[:, None]
            bias_O += offset_O
        self.wide = self.point = self.dilated = self.identity = None


def taps_of(conv: nn.Conv2d, kernel_OIKK: torch.Tensor) -> torch.Tensor:
    """The view of a larger kernel with the places that a convolution's own kernel has in it."""
    (reach, _), (step, _) = conv.padding, conv.dilation
    first = kernel_OIKK.shape[2] // 2 - reach
    taps = slice(first, first + 2 * reach + 1, step)
    return kernel_OIKK[:, :, taps, taps]


def gain_and_offset(norm: MaskedBatchNorm) -> tuple[torch.Tensor, torch.Tensor]:
    """What a batch norm in eval mode multiplies each channel (O,) by, and then adds."""
    gain_O = norm.weight / (norm.running_var + norm.eps).sqrt()
    return gain_O, norm.bias - norm.running_mean * gain_O
