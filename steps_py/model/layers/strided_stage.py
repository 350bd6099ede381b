"""A convolution that halves frames and bins, then residual blocks.

Shape suffixes: B batch, T frames, C channels, F frequency bins.

References: C. Li et al., "Deep Speaker: An end-to-end neural speaker embedding system",
arXiv:1705.02304, 2017, table 1; K. He et al., "Deep residual learning for image recognition",
CVPR 2016, figure 2.
"""

from collections.abc import Callable

import torch
from torch import nn

from steps_py.model.layers.conv import ConvNorm2d

Activation = Callable[[torch.Tensor], torch.Tensor]


class StridedStage(nn.Module):
    """A convolution of 5 x 5 with stride 2, and blocks of two convolutions of 3 x 3.

    Each convolution has batch norm and the activation; a block's input is added before its last
    activation, and what it is added to has the gate of ``make_gate(dim)`` before that, if any.

    >>> stage = StridedStage(1, 8, num_blocks=2, activation=torch.relu)
    >>> stage(torch.zeros(2, 1, 9, 6), None)[0].shape
    torch.Size([2, 8, 5, 3])
    """

    def __init__(
        self,
        in_dim: int,
        dim: int,
        num_blocks: int,
        activation: Activation,
        make_gate: Callable[[int], nn.Module | None] = lambda dim: None,
    ):
        super().__init__()
        self.first = ConvNorm2d(in_dim, dim, kernel_size=5, stride=(2, 2))
        self.blocks = nn.ModuleList(
            StagedBlock(dim, activation, make_gate(dim)) for _ in range(num_blocks)
        )
        self.activation = activation

    def forward(self, x_BCTF, mask_BT):
        """Maps (B, C, T, F) whose padding is 0 -> maps, and their mask."""
        x_BCTF, mask_BT = self.first(x_BCTF, mask_BT)
        x_BCTF = self.activation(x_BCTF)
        for block in self.blocks:
            x_BCTF = block(x_BCTF, mask_BT)
        return x_BCTF, mask_BT


class StagedBlock(nn.Module):
    """activation(x + gate(norm(conv(activation(norm(conv(x))))))); padding stays 0."""

    def __init__(self, dim, activation, gate):
        super().__init__()
        self.first, self.second = ConvNorm2d(dim, dim), ConvNorm2d(dim, dim)
        self.activation, self.gate = activation, gate

    def forward(self, x_BCTF, mask_BT):
        y_BCTF = self.activation(self.first(x_BCTF, mask_BT)[0])
        y_BCTF = self.second(y_BCTF, mask_BT)[0]
        if self.gate is not None:
            y_BCTF = self.gate(y_BCTF, mask_BT)
        return self.activation(x_BCTF + y_BCTF)
