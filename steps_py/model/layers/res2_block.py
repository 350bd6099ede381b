"""Residual block whose groups of channels are convolved one after the other.

Shape suffixes: B batch, T frames, C channels, F frequency bins.

References: S.-H. Gao et al., "Res2Net: A new multi-scale backbone architecture", TPAMI 2019,
section 3; T. Zhou et al., "ResNeXt and Res2Net structures for speaker verification", SLT 2021.
"""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import nn

from steps_py.model.layers.attentive_fusion import AttentiveFusion
from steps_py.model.layers.conv import ConvNorm2d


def clipped_relu(x: torch.Tensor) -> torch.Tensor:
    """Values cut to 0 to 20."""
    return x.clamp(0, 20)


class Res2Config(Protocol):
    """The keys of an encoder of Res2Net blocks."""

    base_dim: int
    num_blocks: Sequence[int]
    group_width: int
    scale: int
    expansion: int


def make_res2_stages(
    config: Res2Config, convolve_last: bool = True, first_fused: int | None = None
) -> list[list["Res2Block"]]:
    """Blocks of each stage; all stages but the first halve frames and bins.

    Stage s has ``base_dim * 2**s * expansion`` channels.  From stage `first_fused` on, groups are
    fused by attention.
    """
    dim, stages = config.base_dim, []
    for stage, num_blocks in enumerate(config.num_blocks):
        width, blocks = config.base_dim * 2**stage, []
        for number in range(num_blocks):
            block = Res2Block(
                dim,
                width,
                stride=2 if stage and not number else 1,
                group_width=config.group_width,
                scale=config.scale,
                expansion=config.expansion,
                convolve_last=convolve_last,
                fused=first_fused is not None and stage >= first_fused,
            )
            blocks.append(block)
            dim = width * config.expansion
        stages.append(blocks)
    return stages


class Res2Block(nn.Module):
    """An affine, `scale` groups convolved in a chain, an affine, and a residual connection.

    Each group is added to the output of the group before it, or fused with it by attention if
    `fused`.  Without `convolve_last` the last group is passed on unchanged.  The output has
    `expansion` times `width` channels; a group has `group_width` for each 64 of `width`.

    >>> block = Res2Block(4, width=8, stride=2, group_width=32, scale=2, expansion=2)
    >>> block(torch.zeros(2, 4, 9, 6), None)[0].shape
    torch.Size([2, 16, 5, 3])
    """

    def __init__(
        self,
        in_dim: int,
        width: int,
        stride: int,
        *,
        group_width: int,
        scale: int,
        expansion: int,
        convolve_last: bool = True,
        fused: bool = False,
    ):
        super().__init__()
        group_dim, out_dim = max(1, width * group_width // 64), width * expansion
        strides = (stride, stride)
        self.scale = scale
        self.enter = ConvNorm2d(in_dim, group_dim * scale, 1, strides)
        num_convs = scale if convolve_last else scale - 1
        self.convs = nn.ModuleList(ConvNorm2d(group_dim, group_dim) for _ in range(num_convs))
        num_fusions = num_convs - 1 if fused else 0
        self.fusions = nn.ModuleList(AttentiveFusion(group_dim) for _ in range(num_fusions))
        self.leave = ConvNorm2d(group_dim * scale, out_dim, 1)
        self.shortcut = None
        if stride > 1 or in_dim != out_dim:
            self.shortcut = ConvNorm2d(in_dim, out_dim, 1, strides)

    def forward(self, x_BCTF, mask_BT):
        """Maps (B, C, T, F) whose padding is 0 -> maps, and their mask."""
        y_BCTF, out_mask_BT = self.enter(x_BCTF, mask_BT)
        groups = list(clipped_relu(y_BCTF).chunk(self.scale, dim=1))
        for number, conv in enumerate(self.convs):
            if number and self.fusions:
                fuse = self.fusions[number - 1]
                groups[number] = fuse(groups[number - 1], groups[number], out_mask_BT)
            elif number:
                groups[number] = groups[number - 1] + groups[number]
            groups[number] = clipped_relu(conv(groups[number], out_mask_BT)[0])
        y_BCTF, _ = self.leave(torch.cat(groups, dim=1), out_mask_BT)
        if self.shortcut is not None:
            x_BCTF, _ = self.shortcut(x_BCTF, mask_BT)
        return clipped_relu(y_BCTF + x_BCTF), out_mask_BT
