"""Densely connected layers over frames: each reads the outputs of all layers before it.

Shape suffixes: B batch, T frames, C channels.

Reference: Y.-Q. Yu and W.-J. Li, "Densely connected time delay neural network for speaker
verification", Interspeech 2020, section 3.
"""

from collections.abc import Callable, Sequence
from functools import partial

import torch
import torch.nn.functional as F
from torch import nn

from steps_py.model.layers.norm import MaskedBatchNorm

MakeNorm = Callable[[int], nn.Module]  # batch norm and activation of so many channels


class NormRelu(nn.Module):
    """Batch norm and ReLU; padding of the output is 0."""

    def __init__(self, dim: int):
        super().__init__()
        self.norm = MaskedBatchNorm(dim)

    def forward(self, x_BCT, mask_BT):
        return F.relu(self.norm(x_BCT, mask_BT))


class NormPrelu(NormRelu):
    """Batch norm and ReLU with a learned slope of each channel below 0."""

    def __init__(self, dim: int):
        super().__init__(dim)
        self.slope_C = nn.Parameter(torch.full((dim,), 0.25))

    def forward(self, x_BCT, mask_BT):
        return F.prelu(self.norm(x_BCT, mask_BT), self.slope_C)


class Transit(nn.Module):
    """Batch norm, ReLU and an affine without bias to `out_dim` channels."""

    def __init__(self, in_dim: int, out_dim: int, make_norm: MakeNorm = NormRelu):
        super().__init__()
        self.before = make_norm(in_dim)
        self.affine = nn.Conv1d(in_dim, out_dim, kernel_size=1, bias=False)

    def forward(self, x_BCT, mask_BT):
        return self.affine(self.before(x_BCT, mask_BT))


class DenseBlock(nn.Module):
    """Layers that each append `growth_dim` channels to their input.

    A layer is batch norm, ReLU, an affine to `hidden_dim`, batch norm, ReLU and a convolution:
    the module that ``make_conv(hidden_dim, growth_dim)`` returns, called with frames and mask.
    Batch norm and ReLU are ``make_norm(dim)``.

    >>> block = DenseBlock(8, 3, hidden_dim=16, growth_dim=4, make_conv=FrameConv)
    >>> block(torch.zeros(2, 8, 9), None).shape    # 8 + 3 * 4 channels
    torch.Size([2, 20, 9])
    """

    def __init__(
        self,
        in_dim: int,
        num_layers: int,
        *,
        hidden_dim: int,
        growth_dim: int,
        make_conv: Callable[[int, int], nn.Module],
        make_norm: MakeNorm = NormRelu,
    ):
        super().__init__()
        dims = [in_dim + growth_dim * number for number in range(num_layers)]
        self.enter = nn.ModuleList(Transit(dim, hidden_dim, make_norm) for dim in dims)
        self.norms = nn.ModuleList(make_norm(hidden_dim) for _ in dims)
        self.convs = nn.ModuleList(make_conv(hidden_dim, growth_dim) for _ in dims)
        self.out_dim = in_dim + growth_dim * num_layers

    def forward(self, x_BCT: torch.Tensor, mask_BT: torch.Tensor | None) -> torch.Tensor:
        """Frames (B, C, T) -> frames (B, out_dim, T); padding of neither need be 0."""
        for enter, norm, conv in zip(self.enter, self.norms, self.convs, strict=True):
            y_BCT = conv(norm(enter(x_BCT, mask_BT), mask_BT), mask_BT)
            x_BCT = torch.cat([x_BCT, y_BCT], dim=1)
        return x_BCT


class DenseStages(nn.Module):
    """Dense blocks of `num_blocks` layers each, followed by an affine to half of the channels.

    The convolutions of a block are ``make_conv(hidden_dim, growth_dim, dilation)``.

    >>> stages = DenseStages(
    ...     8, (3, 2), (1, 2), hidden_dim=16, growth_dim=4, make_conv=FrameConv
    ... )
    >>> stages(torch.zeros(2, 8, 9), None).shape    # (8 + 3 * 4) / 2 = 10, (10 + 2 * 4) / 2 = 9
    torch.Size([2, 9, 9])
    """

    def __init__(
        self,
        in_dim: int,
        num_blocks: Sequence[int],
        dilations: Sequence[int],
        *,
        hidden_dim: int,
        growth_dim: int,
        make_conv: Callable[[int, int, int], nn.Module],
        make_norm: MakeNorm = NormRelu,
    ):
        super().__init__()
        self.blocks, self.transits = nn.ModuleList(), nn.ModuleList()
        self.out_dim = in_dim
        for num_layers, dilation in zip(num_blocks, dilations, strict=True):
            block = DenseBlock(
                self.out_dim,
                num_layers,
                hidden_dim=hidden_dim,
                growth_dim=growth_dim,
                make_conv=partial(make_conv, dilation=dilation),
                make_norm=make_norm,
            )
            self.out_dim = block.out_dim // 2
            self.blocks.append(block)
            self.transits.append(Transit(block.out_dim, self.out_dim, make_norm))

    def forward(self, x_BCT: torch.Tensor, mask_BT: torch.Tensor | None) -> torch.Tensor:
        """Frames (B, C, T) -> frames (B, out_dim, T); padding of neither need be 0."""
        for block, transit in zip(self.blocks, self.transits, strict=True):
            x_BCT = transit(block(x_BCT, mask_BT), mask_BT)
        return x_BCT


class FrameConv(nn.Module):
    """A convolution without bias over three frames `dilation` apart."""

    def __init__(self, in_dim: int, out_dim: int, dilation: int = 1):
        super().__init__()
        self.conv = nn.Conv1d(in_dim, out_dim, 3, padding=dilation, dilation=dilation, bias=False)

    def forward(self, x_BCT, mask_BT):
        return self.conv(x_BCT)
