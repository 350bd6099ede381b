"""ECAPA-TDNN: Res2Net blocks with squeeze and excitation over dilated frames.

Shape suffixes: B batch, T frames, D feature dimension, C channels.

Reference: B. Desplanques et al., "ECAPA-TDNN: Emphasized channel attention, propagation and
aggregation in TDNN based speaker verification", Interspeech 2020, sections 3.2 and 3.3, figure 2.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from steps_py.errors import ConfigError
from steps_py.model.layers.conv import ConvReluNorm
from steps_py.model.layers.norm import MaskedBatchNorm
from steps_py.model.layers.squeeze_excitation import SqueezeExcitation
from steps_py.model.registries import ENCODERS
from steps_py.settings.declare import Count, setting


@ENCODERS.register("ecapa_tdnn")
class EcapaTdnn(nn.Module):
    """A convolution, three SE-Res2Blocks with dilations 2, 3 and 4, and an affine over all three.

    The input of each block is the sum of all outputs before it.  Convolutions are zero-padded
    and keep the number of frames.  The paper's network is this encoder with
    `hidden_dim` 512 or 1024, pooling ``attentive_stats``, ``pooling_norm`` and 192 dimensions.
    The network of SpeechBrain has `out_norm`, `out_dim` 3 times `hidden_dim` and ``hidden_norm`` in
    the pooling; its blocks read the output of the block before only, and pass on the first
    group instead of the last, with the same weights.

    >>> encoder = EcapaTdnn(EcapaTdnn.Config(hidden_dim=16, out_dim=24), in_dim=3)
    >>> encoder(torch.zeros(2, 20, 3), None)[0].shape
    torch.Size([2, 20, 24])
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        hidden_dim: Count = 512
        out_dim: Count = 1536
        res2_scale: int = setting(
            8, "groups of channels; each is added to the next before its convolution", minimum=2
        )
        squeeze_dim: Count = 128
        out_norm: bool = setting(False, "batch norm after the last affine and ReLU")

        def __post_init__(self):
            if self.hidden_dim % self.res2_scale:
                raise ConfigError(
                    f"encoder 'ecapa_tdnn': hidden_dim is {self.hidden_dim}, not a multiple of"
                    f" res2_scale, {self.res2_scale}. Set hidden_dim to a multiple of it."
                )

    def __init__(self, config: Config, in_dim: int):
        super().__init__()
        dim = config.hidden_dim
        self.first = ConvLayer(in_dim, dim, kernel_size=5)
        self.blocks = nn.ModuleList(
            SeRes2Block(dim, dilation, config.res2_scale, config.squeeze_dim)
            for dilation in (2, 3, 4)
        )
        self.last = nn.Conv1d(3 * dim, config.out_dim, kernel_size=1)
        self.out_norm = MaskedBatchNorm(config.out_dim) if config.out_norm else None
        self.out_dim = config.out_dim
        self.min_frames = 1

    def forward(
        self, x_BTD: torch.Tensor, mask_BT: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Frames (B, T, D) -> frames (B, T, C); padding of the input is 0."""
        total_BCT = self.first(x_BTD.mT, mask_BT)
        outputs = []
        for block in self.blocks:
            outputs.append(block(total_BCT, mask_BT))
            total_BCT = total_BCT + outputs[-1]
        x_BCT = F.relu(self.last(torch.cat(outputs, dim=1)))
        if self.out_norm is not None:
            x_BCT = self.out_norm(x_BCT, mask_BT)
        return x_BCT.mT, mask_BT


class ConvLayer(ConvReluNorm):
    """A convolution that keeps the number of frames, and so the mask."""

    def forward(self, x_BCT, mask_BT):
        return super().forward(x_BCT, mask_BT)[0]


class Res2Layer(nn.Module):
    """Groups of channels; each but the last is convolved after adding the output before it.

    Reference: S. Gao et al., "Res2Net: A new multi-scale backbone architecture", 2019, eq. (1).
    """

    def __init__(self, dim, dilation, num_groups):
        super().__init__()
        width = dim // num_groups
        self.layers = nn.ModuleList(
            ConvLayer(width, width, kernel_size=3, dilation=dilation) for _ in range(num_groups - 1)
        )

    def forward(self, x_BCT, mask_BT):
        *groups, last = x_BCT.chunk(len(self.layers) + 1, dim=1)
        outputs = []
        for layer, group in zip(self.layers, groups, strict=True):
            outputs.append(layer(group + outputs[-1] if outputs else group, mask_BT))
        return torch.cat([*outputs, last], dim=1)


class SeRes2Block(nn.Module):
    """Affine, Res2Layer, affine, squeeze and excitation, with a residual connection."""

    def __init__(self, dim, dilation, res2_scale, squeeze_dim):
        super().__init__()
        self.enter = ConvLayer(dim, dim)
        self.res2 = Res2Layer(dim, dilation, res2_scale)
        self.leave = ConvLayer(dim, dim)
        self.gate = SqueezeExcitation(dim, squeeze_dim)

    def forward(self, x_BCT, mask_BT):
        y_BCT = self.leave(self.res2(self.enter(x_BCT, mask_BT), mask_BT), mask_BT)
        return x_BCT + self.gate(y_BCT, mask_BT)
