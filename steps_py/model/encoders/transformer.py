"""Transformer: self-attention and affines over subsampled frames.

Shape suffixes: B batch, T frames, D feature dimension, C channels.

References: A. Vaswani et al., "Attention is all you need", NeurIPS 2017, figure 1, with the norms
before the layers; for speakers, Y. Zhang et al., "MFA-Conformer: Multi-scale feature aggregation
Conformer for automatic speaker verification", Interspeech 2022, table 1.  With `out_dim` and the
keys after it, the networks of github.com/Snowdar/asv-subtools, transformer_xvector.py, 2022.
"""

import math
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import nn

from steps_py.errors import ConfigError
from steps_py.model.layers.attention import (
    MultiHeadAttention,
    RelativeAttention,
    RotaryAttention,
    sinusoids,
)
from steps_py.model.layers.subsampling import ConvSubsampling
from steps_py.model.registries import ENCODERS
from steps_py.settings.declare import Count, Share, setting

Positions = Literal["none", "absolute", "relative", "rotary"]
ATTENTIONS = {"relative": RelativeAttention, "rotary": RotaryAttention}  # else MultiHeadAttention


@ENCODERS.register("transformer")
class Transformer(nn.Module):
    """Convolutions that leave every second or fourth frame, then blocks of self-attention.

    >>> config = Transformer.Config(hidden_dim=8, feed_forward_dim=16)
    >>> encoder = Transformer(config, in_dim=24)
    >>> encoder(torch.zeros(2, 20, 24), None)[0].shape, encoder.min_frames
    (torch.Size([2, 4, 8]), 7)
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        hidden_dim: Count = setting(256, "channels of all blocks")
        feed_forward_dim: Count = setting(2048, "channels between the two affines of a block")
        num_heads: Count = 4
        num_blocks: Count = 6
        subsampling: Literal[2, 4] = setting(4, "input frames per frame of the blocks")
        positions: Positions = setting(
            "absolute",
            "whether sinusoids of a frame's position or of distances are read, or the queries and"
            " keys of attention are turned by their position",
        )
        output: Literal["last", "weighted", "all"] = setting(
            "last", "of the last block, a learned average of all blocks, or all side by side"
        )
        dropout: Share = setting(0.1, "probability, after each layer and inside the affines")
        out_dim: int | None = setting(
            None, "channels of an affine with SiLU and layer norm at the end; null: none", minimum=1
        )
        all_bins: bool = setting(
            False, "two convolutions before the blocks that halve frames only; false: bins, too"
        )

        def __post_init__(self):
            if self.positions == "rotary" and self.hidden_dim // self.num_heads % 2:
                raise ConfigError(
                    f"encoder: positions is 'rotary', and a head has"
                    f" {self.hidden_dim // self.num_heads} channels, an odd number. Set hidden_dim"
                    f" to an even multiple of num_heads, {self.num_heads}."
                )
            if self.hidden_dim % self.num_heads or self.hidden_dim % 2:
                raise ConfigError(
                    f"encoder: hidden_dim is {self.hidden_dim}, not an even multiple of num_heads,"
                    f" {self.num_heads}. Set hidden_dim to an even multiple of it."
                )

    def __init__(self, config: Config, in_dim: int):
        super().__init__()
        dim = config.hidden_dim
        self.subsampling = ConvSubsampling(in_dim, dim, config.subsampling, config.all_bins)
        self.has_absolute_positions = config.positions == "absolute"
        self.blocks = nn.ModuleList(self._make_block(config) for _ in range(config.num_blocks))
        self.output = config.output
        self.logits = None
        if config.output == "weighted":
            self.logits = nn.Parameter(torch.zeros(config.num_blocks))
        self.out_dim = dim * config.num_blocks if config.output == "all" else dim
        self.last_norm, self.out = nn.LayerNorm(self.out_dim), None
        if config.out_dim is not None:
            self.out = nn.Linear(self.out_dim, config.out_dim)
            self.out_norm = nn.LayerNorm(config.out_dim)
            self.out_dim = config.out_dim
        self.dropout = nn.Dropout(config.dropout)
        self.min_frames = self.subsampling.min_frames

    def forward(
        self, x_BTD: torch.Tensor, mask_BT: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Frames (B, T, D) -> a half or quarter of the frames (B, T', C), and their mask."""
        x_BTC, mask_BT = self.subsampling(x_BTD, mask_BT)
        num_frames, dim = x_BTC.shape[1:]
        x_BTC = x_BTC * math.sqrt(dim)
        if self.has_absolute_positions:
            x_BTC = x_BTC + sinusoids(torch.arange(num_frames, device=x_BTC.device), dim)
        x_BTC, outputs = self.dropout(x_BTC), []
        for block in self.blocks:
            x_BTC = block(x_BTC, mask_BT)
            outputs.append(x_BTC)
        if self.output == "all":
            x_BTC = torch.cat(outputs, dim=2)
        elif self.output == "weighted":
            weights = self.logits.softmax(dim=0)
            x_BTC = sum(weight * y_BTC for weight, y_BTC in zip(weights, outputs, strict=True))
        x_BTC = self.last_norm(x_BTC)
        if self.out is not None:
            x_BTC = self.out_norm(F.silu(self.out(x_BTC)))
        return x_BTC, mask_BT

    @staticmethod
    def _make_block(config):
        return TransformerBlock(config)


class TransformerBlock(nn.Module):
    """x + attention(norm(x)), then x + affines(norm(x))."""

    def __init__(self, config):
        super().__init__()
        dim = config.hidden_dim
        self.attention_norm, self.affines_norm = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.attention = make_attention(config)
        self.affines = FeedForward(dim, config.feed_forward_dim, F.relu, config.dropout)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x_BTC, mask_BT):
        x_BTC = x_BTC + self.dropout(self.attention(self.attention_norm(x_BTC), mask_BT))
        return x_BTC + self.affines(self.affines_norm(x_BTC))


def make_attention(config: Transformer.Config) -> nn.Module:
    """The attention of a block."""
    make = ATTENTIONS.get(config.positions, MultiHeadAttention)
    return make(config.hidden_dim, config.num_heads)


class FeedForward(nn.Module):
    """Two affines with an activation between them and dropout after each."""

    def __init__(self, dim, hidden_dim, activation, dropout):
        super().__init__()
        self.widen, self.narrow = nn.Linear(dim, hidden_dim), nn.Linear(hidden_dim, dim)
        self.activation, self.dropout = activation, nn.Dropout(dropout)

    def forward(self, x_BTC):
        hidden_BTC = self.dropout(self.activation(self.widen(x_BTC)))
        return self.dropout(self.narrow(hidden_BTC))
