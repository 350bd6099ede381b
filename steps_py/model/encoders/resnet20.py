"""The 20-layer residual network of Unified Hypersphere Embedding: PReLU, no batch norm.

Shape suffixes: B batch, T frames, D feature dimension, C channels, F frequency bins.

References: M. Hajibabaei and D. Dai, "Unified hypersphere embedding for speaker recognition",
arXiv:1807.08312, 2018; W. Liu et al., "SphereFace: Deep hypersphere embedding for face
recognition", CVPR 2017, table 2 (its 20-layer network).
"""

import math
from dataclasses import dataclass

from torch import nn

from steps_py.model.layers.masks import zero_padding
from steps_py.model.layers.staged_encoder import StagedEncoder
from steps_py.model.registries import ENCODERS
from steps_py.settings.declare import Count, setting

NUM_BLOCKS = (1, 2, 4, 1)  # residual blocks per stage


@ENCODERS.register("resnet20")
class ResNet20(StagedEncoder):
    """Four stages: a convolution that halves frames and bins, then residual blocks.

    A block is two convolutions with PReLU and a residual connection, without activation after the
    sum.  With pooling ``mean``, which averages over time only, the 257 bins of the paper's
    spectrograms become 17 bins of 512 channels, 8704 values, before the embedding.

    >>> import torch
    >>> encoder = ResNet20(ResNet20.Config(base_dim=2), in_dim=257)
    >>> encoder(torch.zeros(1, 300, 257), None)[0].shape    # 16 channels of 17 bins
    torch.Size([1, 19, 272])
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        base_dim: Count = setting(
            64, "channels of the first stage; each following stage has twice as many"
        )

    def __init__(self, config: Config, in_dim: int):
        super().__init__(config.base_dim, NUM_BLOCKS, in_dim, ResidualStage)


class ResidualStage(nn.Module):
    """A convolution with stride 2, and residual blocks of two convolutions without bias."""

    def __init__(self, in_dim, dim, num_blocks):
        super().__init__()
        self.first = nn.Conv2d(in_dim, dim, kernel_size=3, stride=2, padding=1)
        bound = math.sqrt(3 / (9 * in_dim))  # Caffe's "xavier"
        nn.init.uniform_(self.first.weight, -bound, bound)
        nn.init.zeros_(self.first.bias)
        self.convs = nn.ModuleList(
            nn.Conv2d(dim, dim, kernel_size=3, padding=1, bias=False) for _ in range(2 * num_blocks)
        )
        for conv in self.convs:
            nn.init.normal_(conv.weight, std=0.01)
        self.activations = nn.ModuleList(nn.PReLU(dim) for _ in range(2 * num_blocks + 1))

    def forward(self, x_BCTF, mask_BT):
        first, *others = self.activations
        if mask_BT is not None:
            mask_BT = mask_BT[:, ::2]
        x_BCTF = zero_padding(first(self.first(x_BCTF)), mask_BT)
        for i in range(0, len(self.convs), 2):
            y_BCTF = zero_padding(others[i](self.convs[i](x_BCTF)), mask_BT)
            y_BCTF = zero_padding(others[i + 1](self.convs[i + 1](y_BCTF)), mask_BT)
            x_BCTF = x_BCTF + y_BCTF
        return x_BCTF, mask_BT
