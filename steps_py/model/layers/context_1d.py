"""A residual block over frames: convolutions of ever longer reach, then self-attention.

Shape suffixes: B batch, T frames, C channels.

References: Z. Liu et al., "A ConvNet for the 2020s", CVPR 2022; A. Vaswani et al., "Attention is
all you need", NeurIPS 2017; I. Yakovlev et al., "Reshape dimensions network for speaker
recognition", Interspeech 2024, section 2.3.
"""

import torch
import torch.nn.functional as F
from torch import nn

from steps_py.model.layers.attention import AttentionLayer
from steps_py.model.layers.masks import zero_padding
from steps_py.model.layers.norm import MaskedBatchNorm

KERNEL_SIZES = (7, 19, 31, 59)  # frames
NUM_HEADS = 4


class ContextBlock(nn.Module):
    """x + exit(attention(convolutions(enter(x)))), with `hidden_dim` channels inside.

    >>> ContextBlock(16, hidden_dim=8)(torch.zeros(2, 16, 9), None).shape
    torch.Size([2, 16, 9])
    """

    def __init__(self, dim: int, hidden_dim: int):
        super().__init__()
        self.enter = nn.Conv1d(dim, hidden_dim, kernel_size=1)
        self.norm = nn.LayerNorm(hidden_dim, eps=1e-6)
        self.convs = nn.ModuleList(ChannelConv(hidden_dim, size) for size in KERNEL_SIZES)
        self.attention = AttentionLayer(
            hidden_dim, num_heads=NUM_HEADS, hidden_dim=hidden_dim, activation=F.gelu
        )
        self.leave = nn.Conv1d(hidden_dim, dim, kernel_size=1)

    def forward(self, x_BCT: torch.Tensor, mask_BT: torch.Tensor | None) -> torch.Tensor:
        """Frames whose padding is 0 -> frames whose padding is 0."""
        y_BCT = zero_padding(self.norm(self.enter(x_BCT).mT).mT, mask_BT)
        for conv in self.convs:
            y_BCT = conv(y_BCT, mask_BT)
        y_BCT = self.leave(self.attention(y_BCT.mT, mask_BT).mT)
        return x_BCT + zero_padding(y_BCT, mask_BT)


class ChannelConv(nn.Module):
    """x + affine(gelu(norm(convolution of each channel))); padding stays 0."""

    def __init__(self, dim, kernel_size):
        super().__init__()
        self.conv = nn.Conv1d(dim, dim, kernel_size, padding=kernel_size // 2, groups=dim)
        self.norm = MaskedBatchNorm(dim)
        self.affine = nn.Conv1d(dim, dim, kernel_size=1)

    def forward(self, x_BCT, mask_BT):
        y_BCT = F.gelu(self.norm(self.conv(x_BCT), mask_BT))
        return x_BCT + zero_padding(self.affine(y_BCT), mask_BT)
