"""ReDimNet: blocks over frames and bins and blocks over frames, on one and the same tensor.

Shape suffixes: B batch, T frames, D feature dimension, C channels, F frequency bins, V values of
a frame, which are C times F in every stage.

Reference: I. Yakovlev et al., "Reshape dimensions network for speaker recognition", Interspeech
2024, figures 1 and 2 and table 1.
"""

import math
from dataclasses import dataclass
from typing import Annotated, Literal

import torch
import torch.nn.functional as F
from torch import nn

from steps_py.model.layers.context_1d import NUM_HEADS, ContextBlock
from steps_py.model.layers.masks import mean_over_frames, zero_padding
from steps_py.model.layers.norm import MaskedBatchNorm
from steps_py.model.layers.stage_lists import check_one_each
from steps_py.model.registries import ENCODERS
from steps_py.settings.declare import Count, Keywords, setting

GATE_HIDDEN = 64
NumOrNone = Annotated[int, Keywords(minimum=0)]


@ENCODERS.register("redimnet")
class ReDimNet(nn.Module):
    """Stages that halve bins and double channels, so that a frame keeps its number of values.

    The input of a stage is a weighted sum of the outputs of all stages before it, with learned
    weights for each value; the output of the network is such a sum as well.  A stage is a
    convolution over its bins, blocks over frames and bins and a block over frames.  Bins are
    filled up with 0 to a multiple of the product of all strides.

    The defaults are the network B2, for 72 features; B0 has 60.  The published sizes need pooling
    ``attentive_stats``, ``pooling_norm`` and 192 dimensions.

    ====  ====  ========  =====  ===========  ===========  ===========  =================
    size  base  kind      group  bin_strides  num_blocks   expansions   reductions
    ====  ====  ========  =====  ===========  ===========  ===========  =================
    B0    10    residual  1      1 2 1 2 1    2 3 3 4 3    1 2 3 2 1    30 30 30 10 10
    B1    12    convnext  8      1 2 3 2 2    2 3 4 5 3    1 1 1 1 1    0 0 12 12 8
    B2    16    convnext  4      1 2 1 2 1 2  2 2 3 4 4 4  1 1 1 1 1 1  12 12 12 8 8 4
    B3    16    gated     1      1 2 1 2 1 2  see below    4 2 2 2 1 1  32 32 32 16 16 16
    B4    32    gated     1      1 2 1 2 1 2  4 4 6 6 8 4  2 2 2 1 1 1  48 48 48 32 24 16
    B5    32    gated     16     1 2 1 2 1 2  4 4 6 6 8 4  2 2 2 1 1 1  48 48 48 32 24 16
    B6    32    residual  32     1 2 1 3 1 2  4 6 6 8 8 8  4 2 2 1 1 1  32 32 24 24 16 16
    ====  ====  ========  =====  ===========  ===========  ===========  =================

    B3 has 6, 6, 8, 10, 10 and 8 blocks; gated is `kind` ``gated_residual``.

    >>> encoder = ReDimNet(ReDimNet.Config(base_dim=4), in_dim=16)
    >>> encoder(torch.zeros(2, 20, 16), None)[0].shape
    torch.Size([2, 20, 64])
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        base_dim: Count = setting(16, "channels before the first stage")
        kind: Literal["residual", "gated_residual", "convnext"] = setting(
            "convnext", "blocks over frames and bins"
        )
        group_width: Count = setting(4, "channels of a group of their 3 x 3 convolutions")
        bin_strides: tuple[Count, ...] = setting((1, 2, 1, 2, 1, 2), "of each stage")
        num_blocks: tuple[Count, ...] = setting((2, 2, 3, 4, 4, 4), "of each stage")
        expansions: tuple[Count, ...] = setting(
            (1,) * 6, "channels inside each stage per channel of its output"
        )
        reductions: tuple[NumOrNone, ...] = setting(
            (12, 12, 12, 8, 8, 4),
            "values of a frame per channel of each stage's block over frames; 0: no such block",
        )

        def __post_init__(self):
            check_one_each(
                "redimnet",
                "stage",
                bin_strides=self.bin_strides,
                num_blocks=self.num_blocks,
                expansions=self.expansions,
                reductions=self.reductions,
            )

    def __init__(self, config: Config, in_dim: int):
        super().__init__()
        multiple = math.prod(config.bin_strides)
        num_bins = -(-in_dim // multiple) * multiple
        self.num_added_bins = num_bins - in_dim
        dim, self.out_dim = config.base_dim, config.base_dim * num_bins
        self.first = nn.Conv2d(1, dim, kernel_size=3, padding=1)
        self.first_norm = nn.LayerNorm(dim, eps=1e-6)
        self.stages, self.sums = nn.ModuleList(), nn.ModuleList()
        for stage, (stride, num_blocks, expansion, reduction) in enumerate(
            zip(
                config.bin_strides,
                config.num_blocks,
                config.expansions,
                config.reductions,
                strict=True,
            )
        ):
            num_bins //= stride
            self.stages.append(
                Stage(dim, stride, num_bins, num_blocks, expansion, reduction, config)
            )
            self.sums.append(WeightedSum(stage + 2, self.out_dim))
            dim *= stride
        self.min_frames = 1

    def forward(
        self, x_BTD: torch.Tensor, mask_BT: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Frames (B, T, D) -> frames (B, T, V); padding of the input is 0."""
        x_BCTF = self.first(F.pad(x_BTD, (0, self.num_added_bins))[:, None])
        x_BCTF = self.first_norm(x_BCTF.movedim(1, 3)).movedim(3, 1)
        x_BVT = zero_padding(to_values(x_BCTF), mask_BT)
        outputs = [x_BVT]
        for stage, weighted_sum in zip(self.stages, self.sums, strict=True):
            outputs.append(stage(x_BVT, mask_BT))
            x_BVT = weighted_sum(outputs)
        return x_BVT.mT, mask_BT


def to_values(x_BCTF: torch.Tensor) -> torch.Tensor:
    """Maps -> frames (B, V, T); the values of a bin are neighbours."""
    x_BFCT = x_BCTF.permute(0, 3, 1, 2)
    if torch.compiler.is_exporting():  # a view here depends on the strides of a convolution
        x_BFCT = x_BFCT.clone(memory_format=torch.contiguous_format)
    return x_BFCT.flatten(1, 2)


def to_maps(x_BVT: torch.Tensor, dim: int) -> torch.Tensor:
    """Frames -> maps (B, C, T, F) of `dim` channels."""
    return x_BVT.unflatten(1, (-1, dim)).permute(0, 2, 3, 1)


class WeightedSum(nn.Module):
    """Sum of tensors (B, V, T) with weights for each value that are positive and sum to 1."""

    def __init__(self, num_inputs, num_values):
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(num_inputs, num_values, 1))

    def forward(self, inputs):
        weights = self.logits.softmax(dim=0)
        return sum(weight * x_BVT for weight, x_BVT in zip(weights, inputs, strict=True))


class Stage(nn.Module):
    """A convolution of neighbouring bins, blocks over frames and bins, a block over frames."""

    def __init__(self, dim, stride, num_bins, num_blocks, expansion, reduction, config):
        super().__init__()
        self.dim, out_dim = dim, dim * stride
        wide = out_dim * expansion
        self.enter = nn.Conv2d(dim, wide, kernel_size=(1, stride), stride=(1, stride))
        make_block = BLOCKS[config.kind]
        self.blocks = nn.ModuleList(
            make_block(wide, config.group_width, num_bins) for _ in range(num_blocks)
        )
        self.narrow = None
        if expansion > 1:
            self.narrow = Narrow(wide, out_dim, max(1, out_dim // config.group_width))
        self.context = None
        if reduction:
            num_values = out_dim * num_bins
            self.context = ContextBlock(num_values, hidden_dim_of(num_values, reduction))

    def forward(self, x_BVT, mask_BT):
        x_BCTF = zero_padding(self.enter(to_maps(x_BVT, self.dim)), mask_BT)
        for block in self.blocks:
            x_BCTF = block(x_BCTF, mask_BT)
        if self.narrow is not None:
            x_BCTF = self.narrow(x_BCTF, mask_BT)
        x_BVT = to_values(x_BCTF)
        return x_BVT if self.context is None else self.context(x_BVT, mask_BT)


def hidden_dim_of(num_values: int, reduction: int) -> int:
    """Channels inside a block over frames, rounded up to a multiple of its heads."""
    return max(NUM_HEADS, -(-(num_values // reduction) // NUM_HEADS) * NUM_HEADS)


class Narrow(nn.Module):
    """A grouped convolution to fewer channels, norm, GELU and an affine."""

    def __init__(self, in_dim, out_dim, num_groups):
        super().__init__()
        self.conv = nn.Conv2d(in_dim, out_dim, kernel_size=3, padding=1, groups=num_groups)
        self.norm = MaskedBatchNorm(out_dim, eps=1e-6)
        self.affine = nn.Conv2d(out_dim, out_dim, kernel_size=1)

    def forward(self, x_BCTF, mask_BT):
        y_BCTF = F.gelu(self.norm(self.conv(x_BCTF), mask_BT))
        return zero_padding(self.affine(y_BCTF), mask_BT)


def grouped_conv(dim: int, group_width: int, bias: bool) -> nn.Conv2d:
    """A convolution of 3 x 3 in groups of about `group_width` channels."""
    num_groups = max(1, dim // group_width)
    return nn.Conv2d(dim, dim, kernel_size=3, padding=1, groups=num_groups, bias=bias)


class ConvNextBlock(nn.Module):
    """x + affine(gelu(norm(grouped convolution))); padding stays 0."""

    def __init__(self, dim, group_width, num_bins):
        super().__init__()
        self.conv = grouped_conv(dim, group_width, bias=True)
        self.norm = MaskedBatchNorm(dim)
        self.affine = nn.Conv2d(dim, dim, kernel_size=1)

    def forward(self, x_BCTF, mask_BT):
        y_BCTF = F.gelu(self.norm(self.conv(x_BCTF), mask_BT))
        return x_BCTF + zero_padding(self.affine(y_BCTF), mask_BT)


class ResidualBlock(nn.Module):
    """Twice a grouped convolution, an affine and batch norm, with a residual connection."""

    def __init__(self, dim, group_width, num_bins):
        super().__init__()
        self.convs = nn.ModuleList(grouped_conv(dim, group_width, bias=False) for _ in range(2))
        self.affines = nn.ModuleList(nn.Conv2d(dim, dim, kernel_size=1) for _ in range(2))
        self.norms = nn.ModuleList(MaskedBatchNorm(dim) for _ in range(2))
        self.gate = None

    def forward(self, x_BCTF, mask_BT):
        y_BCTF = x_BCTF
        for number in range(2):
            y_BCTF = self.affines[number](self.convs[number](y_BCTF))
            y_BCTF = self.norms[number](y_BCTF, mask_BT)
            y_BCTF = y_BCTF if number else F.relu(y_BCTF)
        if self.gate is not None:
            y_BCTF = self.gate(y_BCTF, mask_BT)
        return F.relu(x_BCTF + y_BCTF)


class GatedResidualBlock(ResidualBlock):
    """The same with gates of bins."""

    def __init__(self, dim, group_width, num_bins):
        super().__init__(dim, group_width, num_bins)
        self.gate = BinGate(num_bins)


class BinGate(nn.Module):
    """Squeeze and excitation of bins: their mean is over channels and real frames."""

    def __init__(self, num_bins):
        super().__init__()
        self.squeeze = nn.Linear(num_bins, GATE_HIDDEN)
        self.excite = nn.Linear(GATE_HIDDEN, num_bins)

    def forward(self, x_BCTF, mask_BT):
        mean_BF = mean_over_frames(x_BCTF.transpose(1, 3), mask_BT).to(x_BCTF.dtype)
        gate_BF = torch.sigmoid(self.excite(F.relu(self.squeeze(mean_BF))))
        return x_BCTF * gate_BF[:, None, None].to(x_BCTF.dtype)


BLOCKS = {
    "residual": ResidualBlock,
    "gated_residual": GatedResidualBlock,
    "convnext": ConvNextBlock,
}
