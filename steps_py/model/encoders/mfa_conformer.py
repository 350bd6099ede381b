"""MFA-Conformer: self-attention and convolutions, with the outputs of all blocks side by side.

Shape suffixes: B batch, T frames, D feature dimension, C channels.

References: Y. Zhang et al., "MFA-Conformer: Multi-scale feature aggregation Conformer for
automatic speaker verification", Interspeech 2022, figure 1 and section 3; A. Gulati et al.,
"Conformer: Convolution-augmented transformer for speech recognition", Interspeech 2020, section 2.
"""

from dataclasses import dataclass
from typing import Literal

import torch.nn.functional as F
from torch import nn

from steps_py.errors import ConfigError
from steps_py.model.encoders.transformer import (
    FeedForward,
    Positions,
    Transformer,
    make_attention,
)
from steps_py.model.layers.masks import zero_padding
from steps_py.model.layers.norm import MaskedBatchNorm
from steps_py.model.registries import ENCODERS
from steps_py.settings.declare import setting


@ENCODERS.register("mfa_conformer")
class MfaConformer(Transformer):
    """Convolutions that leave every second or fourth frame, then Conformer blocks.

    The paper's network has pooling ``attentive_stats``, ``pooling_norm`` and 192 dimensions.  The
    distances of the relative positions are those of Transformer-XL; the public code of the
    paper reads the position of the second frame instead, with the same number of weights.

    The Conformer of asv-subtools (6 blocks, 256 channels) has `positions` ``rotary``, `output`
    ``last``, `conv_norm` ``layer``, `out_dim` 1536, and `subsampling` 4 or, with `all_bins`, 2; its
    pooling is ``attentive_stats`` without global context, with ``hidden_norm``.

    >>> import torch
    >>> config = MfaConformer.Config(hidden_dim=8, feed_forward_dim=16)
    >>> encoder = MfaConformer(config, in_dim=24)
    >>> encoder(torch.zeros(2, 20, 24), None)[0].shape    # 8 channels of each of 6 blocks
    torch.Size([2, 9, 48])
    """

    @dataclass(frozen=True, kw_only=True)
    class Config(Transformer.Config):
        subsampling: Literal[2, 4] = setting(2, "input frames per frame of the blocks")
        positions: Positions = setting(
            "relative",
            "whether sinusoids of a frame's position or of distances are read, or the queries and"
            " keys of attention are turned by their position",
        )
        output: Literal["last", "weighted", "all"] = setting(
            "all", "of the last block, a learned average of all blocks, or all side by side"
        )
        kernel_size: int = setting(15, "frames of a block's convolution, an odd number", minimum=1)
        conv_norm: Literal["batch", "layer"] = setting("batch", "norm after this convolution")

        def __post_init__(self):
            super().__post_init__()
            if self.kernel_size % 2 == 0:
                raise ConfigError(
                    f"encoder 'mfa_conformer': kernel_size is {self.kernel_size}."
                    " Set it to an odd number."
                )

    @staticmethod
    def _make_block(config):
        return ConformerBlock(config)


class ConformerBlock(nn.Module):
    """Half of two affines, attention, a convolution and half of two affines; a norm at the end."""

    def __init__(self, config):
        super().__init__()
        dim = config.hidden_dim
        self.first_norm, self.attention_norm, self.conv_norm, self.second_norm, self.last_norm = (
            nn.LayerNorm(dim) for _ in range(5)
        )
        self.first, self.second = (
            FeedForward(dim, config.feed_forward_dim, F.silu, config.dropout) for _ in range(2)
        )
        self.attention = make_attention(config)
        self.conv = ConvModule(dim, config.kernel_size, config.conv_norm)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x_BTC, mask_BT):
        x_BTC = x_BTC + 0.5 * self.first(self.first_norm(x_BTC))
        x_BTC = x_BTC + self.dropout(self.attention(self.attention_norm(x_BTC), mask_BT))
        x_BTC = x_BTC + self.dropout(self.conv(self.conv_norm(x_BTC), mask_BT))
        x_BTC = x_BTC + 0.5 * self.second(self.second_norm(x_BTC))
        return self.last_norm(x_BTC)


class ConvModule(nn.Module):
    """A gated affine, a convolution of each channel, a norm, SiLU and an affine."""

    def __init__(self, dim, kernel_size, norm):
        super().__init__()
        self.enter = nn.Linear(dim, 2 * dim)
        self.conv = nn.Conv1d(dim, dim, kernel_size, padding=kernel_size // 2, groups=dim)
        self.norm = {"batch": MaskedBatchNorm, "layer": ChannelNorm}[norm](dim)
        self.leave = nn.Linear(dim, dim)

    def forward(self, x_BTC, mask_BT):
        x_BCT = zero_padding(F.glu(self.enter(x_BTC), dim=2).mT, mask_BT)
        return self.leave(F.silu(self.norm(self.conv(x_BCT), mask_BT)).mT)


class ChannelNorm(nn.LayerNorm):
    """Layer norm of the channels of each frame of (B, C, T)."""

    def forward(self, x_BCT, mask_BT):
        return super().forward(x_BCT.mT).mT
