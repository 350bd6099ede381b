"""ReDimNet2: ReDimNet whose later stages also halve the frames, which are repeated afterwards.

Shape suffixes: B batch, T frames, D feature dimension, C channels, F frequency bins, V values of
a frame, which are C times F in every stage.

References: I. Yakovlev et al., "Reshape dimensions network for speaker recognition", Interspeech
2024; "ReDimNet2: Scaling speaker verification via time-pooled dimension reshaping", submitted to
Interspeech 2026, github.com/PalabraAI/redimnet2.
"""

import math
from dataclasses import dataclass
from typing import Annotated

import torch
import torch.nn.functional as F
from torch import nn

from steps_py.model.encoders.redimnet import (
    WeightedSum,
    grouped_conv,
    hidden_dim_of,
    to_maps,
    to_values,
)
from steps_py.model.layers.context_1d import ContextBlock
from steps_py.model.layers.conv import every
from steps_py.model.layers.masks import zero_padding
from steps_py.model.layers.norm import MaskedBatchNorm, MaskedGroupNorm
from steps_py.model.layers.stage_lists import check_one_each
from steps_py.model.registries import ENCODERS
from steps_py.settings.declare import Count, Keywords, setting

Factor = Annotated[float, Keywords(exclusiveMinimum=0)]


@ENCODERS.register("redimnet2")
class ReDimNet2(nn.Module):
    """Stages that halve bins or frames; outputs are brought to one shape and summed with weights.

    The input of a stage is a learned sum of the outputs of all stages before it.  Bins and
    frames are filled up with 0 to a multiple of the product of all strides, and the added frames
    are left out at the end; the public code leaves out the last incomplete frames instead.

    The defaults are the network B4, for 72 features.  The published sizes need pooling
    ``attentive_stats``, ``pooling_norm`` and 192 dimensions.  B6 has `out_per_bin`, and
    `both_outputs` as trained on VoxBlink2.

    ====  ====  ===  ================  ===========  =================
    size  base  out  expansions        num_blocks   reductions
    ====  ====  ===  ================  ===========  =================
    B1    16    64   2 1 1 1 1 1       2 3 4 5 4 3  32 32 32 32 16 16
    B2    20    64   2 1 1 1 1 1       2 3 4 5 4 3  40 30 30 20 20 10
    B4    32    0    4 3 2 1 1 1       2 3 4 5 4 3  24 24 24 24 24 24
    B5    48    256  4 3 2 1 1 1       2 3 4 5 4 3  48 48 48 48 32 32
    B6    64    224  3 2 2 1 .75 .5    3 4 5 5 4 3  64 64 48 48 32 24
    ====  ====  ===  ================  ===========  =================

    The fourth of the `bin_strides` of B2 is 3.

    >>> encoder = ReDimNet2(ReDimNet2.Config(base_dim=4), in_dim=16)
    >>> encoder(torch.zeros(2, 21, 16), None)[0].shape
    torch.Size([2, 21, 64])
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        base_dim: Count = setting(32, "channels before the first stage")
        group_width: Count = setting(1, "channels of a group of the 3 x 3 convolutions")
        bin_strides: tuple[Count, ...] = setting((1, 2, 1, 2, 1, 2), "of each stage")
        frame_strides: tuple[Count, ...] = setting((1, 1, 2, 1, 2, 1), "of each stage")
        num_blocks: tuple[Count, ...] = setting((2, 3, 4, 5, 4, 3), "of each stage")
        expansions: tuple[Factor, ...] = setting(
            (4, 3, 2, 1, 1, 1), "channels inside each stage per channel of its output"
        )
        reductions: tuple[Count, ...] = setting(
            (24,) * 6, "values of a frame per channel of each stage's block over frames"
        )
        out_dim: int = setting(0, "channels of an affine at the end; 0: no affine", minimum=0)
        out_per_bin: bool = setting(False, "that affine for each bin of the last stage alone")
        both_outputs: bool = setting(
            False, "a stage passes on its maps before its block over frames as well"
        )
        group_norm: bool = setting(False, "norm of what the first layer and the stages pass on")

        def __post_init__(self):
            check_one_each(
                "redimnet2",
                "stage",
                bin_strides=self.bin_strides,
                frame_strides=self.frame_strides,
                num_blocks=self.num_blocks,
                expansions=self.expansions,
                reductions=self.reductions,
            )

    def __init__(self, config: Config, in_dim: int):
        super().__init__()
        multiple = math.prod(config.bin_strides)
        num_bins = -(-in_dim // multiple) * multiple
        self.num_added_bins = num_bins - in_dim
        self.frame_multiple = math.prod(config.frame_strides)
        dim, num_values = config.base_dim, config.base_dim * num_bins
        self.first = nn.Conv2d(1, dim, kernel_size=3, padding=1)
        self.first_norm = nn.LayerNorm(dim, eps=1e-6)
        self.first_group_norm = None
        if config.group_norm:
            self.first_group_norm = MaskedGroupNorm(config.base_dim, num_values)
        self.stages, self.sums = nn.ModuleList(), nn.ModuleList()
        num_outputs = 1
        for stage in range(len(config.num_blocks)):
            self.stages.append(Stage(stage, dim, num_values, config))
            num_outputs += 2 if config.both_outputs else 1
            self.sums.append(WeightedSum(num_outputs, num_values))
            dim *= config.bin_strides[stage]
        self.last, self.last_dim = None, dim if config.out_per_bin else num_values
        if config.out_dim:
            self.last = nn.Conv1d(self.last_dim, config.out_dim, kernel_size=1)
        self.out_dim = (config.out_dim or self.last_dim) * (num_values // self.last_dim)
        self.min_frames = 1

    def forward(
        self, x_BTD: torch.Tensor, mask_BT: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Frames (B, T, D) -> frames (B, T, V); padding of the input is 0."""
        num_frames = x_BTD.shape[1]
        num_added = -num_frames % self.frame_multiple
        x_BTD = F.pad(x_BTD, (0, self.num_added_bins, 0, num_added))
        real_BT = x_BTD.new_ones(x_BTD.shape[0], num_frames, dtype=torch.bool)
        real_BT = F.pad(real_BT if mask_BT is None else mask_BT, (0, num_added))
        x_BCTF = self.first(x_BTD[:, None])
        x_BCTF = self.first_norm(x_BCTF.movedim(1, 3)).movedim(3, 1)
        x_BVT = zero_padding(to_values(x_BCTF), real_BT)
        if self.first_group_norm is not None:
            x_BVT = self.first_group_norm(x_BVT, real_BT)
        outputs = [x_BVT]
        for stage, weighted_sum in zip(self.stages, self.sums, strict=True):
            outputs += stage(x_BVT, real_BT)
            x_BVT = zero_padding(weighted_sum(outputs), real_BT)
        x_BVT = x_BVT[:, :, :num_frames]
        if self.last is not None:
            x_BVT = self._last_affine(x_BVT)
        return x_BVT.mT, mask_BT

    def _last_affine(self, x_BVT):
        """The affine of all values of a frame, or of the channels of each bin."""
        groups_BNCT = x_BVT.unflatten(1, (-1, self.last_dim))
        return torch.cat([self.last(group_BCT) for group_BCT in groups_BNCT.unbind(1)], dim=1)


class Stage(nn.Module):
    """A convolution of neighbouring bins and frames, blocks over both, a block over frames."""

    def __init__(self, number, dim, num_values, config):
        super().__init__()
        self.dim, bin_stride = dim, config.bin_strides[number]
        self.frame_stride = math.prod(config.frame_strides[: number + 1])
        out_dim = dim * bin_stride
        wide = max(1, int(out_dim * config.expansions[number]))
        stride = (self.frame_stride, bin_stride)
        self.enter = nn.Conv2d(dim, wide, stride, stride, groups=math.gcd(dim, wide))
        self.blocks = nn.ModuleList(
            ResidualBlock(wide, config.group_width) for _ in range(config.num_blocks[number])
        )
        self.narrow = self.narrow_norm = None
        if config.expansions[number] != 1:
            self.narrow = nn.Conv2d(wide, out_dim, kernel_size=1)
            self.narrow_norm = MaskedBatchNorm(out_dim, eps=1e-6)
        hidden_dim = hidden_dim_of(num_values, config.reductions[number])
        self.context = ContextBlock(num_values, hidden_dim)
        num_outputs = 2 if config.both_outputs else 1
        self.norms = None
        if config.group_norm:
            self.norms = nn.ModuleList(
                MaskedGroupNorm(config.base_dim, num_values) for _ in range(num_outputs)
            )
        self.both_outputs = config.both_outputs

    def forward(self, x_BVT, real_BT):
        """Frames (B, V, T) -> list of one or two such outputs."""
        mask_BT = every(real_BT, self.frame_stride)  # a frame is real if its first one is
        x_BCTF = zero_padding(self.enter(to_maps(x_BVT, self.dim)), mask_BT)
        for block in self.blocks:
            x_BCTF = block(x_BCTF, mask_BT)
        if self.narrow is not None:
            x_BCTF = self.narrow_norm(self.narrow(x_BCTF), mask_BT)
        x_BVT = to_values(x_BCTF)
        outputs = [self.context(x_BVT, mask_BT)]
        if self.both_outputs:
            outputs.insert(0, x_BVT)
        outputs = [y_BVT.repeat_interleave(self.frame_stride, dim=2) for y_BVT in outputs]
        if self.norms is not None:
            outputs = [
                norm(y_BVT, real_BT) for norm, y_BVT in zip(self.norms, outputs, strict=True)
            ]
        return outputs


class ResidualBlock(nn.Module):
    """Twice a grouped convolution and an affine, with ReLU and batch norm between them.

    The second affine has batch norm, the input is added, and ReLU follows; padding stays 0.
    """

    def __init__(self, dim, group_width):
        super().__init__()
        self.convs = nn.ModuleList(grouped_conv(dim, group_width, bias=False) for _ in range(2))
        self.affines = nn.ModuleList(nn.Conv2d(dim, dim, kernel_size=1) for _ in range(2))
        self.norms = nn.ModuleList(MaskedBatchNorm(dim) for _ in range(2))

    def forward(self, x_BCTF, mask_BT):
        y_BCTF = F.relu(self.affines[0](self.convs[0](x_BCTF)))
        y_BCTF = self.affines[1](self.convs[1](self.norms[0](y_BCTF, mask_BT)))
        return F.relu(x_BCTF + self.norms[1](y_BCTF, mask_BT))
