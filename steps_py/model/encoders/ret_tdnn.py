"""RET and ARET: a time-delay network with residual blocks between its layers.

Shape suffixes: B batch, T frames, D feature dimension, C channels.

References: R. Zhang et al., "ARET: Aggregated residual extended time-delay neural networks for
speaker verification", Interspeech 2020, table 1; for the gates, S. Woo et al., "CBAM:
Convolutional block attention module", ECCV 2018, in the form of W. Yang's networks of 2021.
"""

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import nn

from steps_py.errors import ConfigError
from steps_py.model.layers.conv import ConvNorm1d, ConvReluNorm
from steps_py.model.layers.masks import mean_over_frames
from steps_py.model.layers.squeeze_excitation import SqueezeExcitation
from steps_py.model.layers.stage_lists import check_one_each
from steps_py.model.registries import ENCODERS
from steps_py.settings.declare import Count, setting

SQUEEZE_RATIO = 2  # channels per hidden unit of the gate


@ENCODERS.register("ret_tdnn")
class RetTdnn(nn.Module):
    """Stages of a layer over several frames and residual blocks, then two affines.

    The defaults are RET-17; RET-14 has three stages, with `kernel_sizes` 5, 3 and 3.  ARET has
    `block` ``aggregate``.  As in Kaldi's nnet3 the layers between blocks are not padded, so that
    the output is shorter than the input.

    >>> config = RetTdnn.Config(hidden_dim=8, out_dim=12)
    >>> encoder = RetTdnn(config, in_dim=3)
    >>> encoder(torch.zeros(2, 20, 3), None)[0].shape, encoder.min_frames
    (torch.Size([2, 8, 12]), 13)
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        hidden_dim: Count = 512
        out_dim: Count = 1536
        kernel_sizes: tuple[Count, ...] = setting(
            (5, 3, 3, 5), "input frames of the layer before each stage's blocks"
        )
        strides: tuple[Count, ...] = setting((1, 1, 1, 1), "frames between its output frames")
        num_blocks: tuple[Count, ...] = setting((1, 1, 1, 1), "residual blocks of each stage")
        block: Literal["basic", "bottleneck", "aggregate", "shuffle"] = setting(
            "basic",
            "two layers of 3 frames; 1, 3 and 1; the same with groups of channels and twice as"
            " many inside; or half of the channels passed on",
        )
        num_groups: Count = setting(32, "groups of channels of an aggregate block")
        gate: Literal["none", "cbam", "squeeze_excitation"] = setting(
            "none", "attention at the end of a block, before its input is added"
        )
        norm_first: bool = setting(
            False, "batch norm before ReLU, and a block's input added before its last ReLU"
        )

        def __post_init__(self):
            check_one_each(
                "ret_tdnn",
                "stage",
                kernel_sizes=self.kernel_sizes,
                strides=self.strides,
                num_blocks=self.num_blocks,
            )
            if self.block == "aggregate" and self.hidden_dim % self.num_groups:
                raise ConfigError(
                    f"encoder 'ret_tdnn': hidden_dim is {self.hidden_dim}, not a multiple of"
                    f" num_groups, {self.num_groups}. Set hidden_dim to a multiple of it."
                )
            if self.block == "shuffle" and self.hidden_dim % 2:
                raise ConfigError(
                    f"encoder 'ret_tdnn': hidden_dim is {self.hidden_dim}, which has no half for"
                    " block 'shuffle'. Set it to an even number."
                )

    def __init__(self, config: Config, in_dim: int):
        super().__init__()
        dim, reach, frames_per_frame = config.hidden_dim, 0, 1
        self.layers = nn.ModuleList()
        for kernel_size, stride, num_blocks in zip(
            config.kernel_sizes, config.strides, config.num_blocks, strict=True
        ):
            layer = ConvReluNorm(in_dim, dim, kernel_size, stride, padded=False)
            self.layers += [layer, *(make_block(dim, config) for _ in range(num_blocks))]
            in_dim, reach = dim, reach + layer.reach * frames_per_frame
            frames_per_frame *= stride
        self.layers += [ConvReluNorm(dim, dim), ConvReluNorm(dim, config.out_dim)]
        self.out_dim = config.out_dim
        self.min_frames = 1 + reach

    def forward(
        self, x_BTD: torch.Tensor, mask_BT: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Frames (B, T, D) -> frames (B, T - min_frames + 1, C) without strides, and mask."""
        x_BCT = x_BTD.mT
        for layer in self.layers:
            x_BCT, mask_BT = layer(x_BCT, mask_BT)
        return x_BCT.mT, mask_BT


def make_block(dim: int, config: RetTdnn.Config) -> nn.Module:
    """A block that keeps the number of frames and channels."""
    if config.block == "shuffle":
        return ShuffleBlock(dim)
    return ResidualBlock(dim, config)


class ResidualBlock(nn.Module):
    """Layers in a chain and a gate, with a residual connection; padding stays 0."""

    def __init__(self, dim, config):
        super().__init__()
        sizes = {
            "basic": [(dim, dim, 3, 1), (dim, dim, 3, 1)],
            "bottleneck": [(dim, dim, 1, 1), (dim, dim, 3, 1), (dim, dim, 1, 1)],
            "aggregate": [
                (dim, dim, 1, 1),
                (dim, 2 * dim, 3, config.num_groups),
                (2 * dim, dim, 1, 1),
            ],
        }
        make_layer = ConvNorm1d if config.norm_first else ConvReluNorm
        self.layers = nn.ModuleList(
            make_layer(in_dim, out_dim, kernel_size, groups=groups)
            for in_dim, out_dim, kernel_size, groups in sizes[config.block]
        )
        self.gate = None
        if config.gate == "cbam":
            self.gate = FrameAndChannelGate()
        elif config.gate == "squeeze_excitation":
            self.gate = SqueezeExcitation(dim, max(1, dim // SQUEEZE_RATIO))
        self.norm_first = config.norm_first

    def forward(self, x_BCT, mask_BT):
        y_BCT = x_BCT
        for number, layer in enumerate(self.layers):
            if self.norm_first and number:
                y_BCT = F.relu(y_BCT)
            y_BCT, _ = layer(y_BCT, mask_BT)
        if self.gate is not None:
            y_BCT = self.gate(y_BCT, mask_BT)
        y_BCT = x_BCT + y_BCT
        return F.relu(y_BCT) if self.norm_first else y_BCT, mask_BT


class FrameAndChannelGate(nn.Module):
    """x times the mean of a gate of its frame and one of its channel.

    Either is the sigmoid of a convolution over seven neighbours: of the means of frames over
    channels, or of those of channels over real frames.
    """

    def __init__(self):
        super().__init__()
        self.frames = nn.Conv1d(1, 1, kernel_size=7, padding=3)
        self.channels = nn.Conv1d(1, 1, kernel_size=7, padding=3)

    def forward(self, x_BCT, mask_BT):
        frame_B1T = torch.sigmoid(self.frames(x_BCT.mean(dim=1, keepdim=True)))
        mean_B1C = mean_over_frames(x_BCT, mask_BT).to(x_BCT.dtype)[:, None]
        channel_BC1 = torch.sigmoid(self.channels(mean_B1C)).mT
        return x_BCT * (frame_B1T + channel_BC1) / 2


class ShuffleBlock(nn.Module):
    """Half of the channels convolved, the others passed on; both halves then take turns.

    Reference: N. Ma et al., "ShuffleNet V2: Practical guidelines for efficient CNN architecture
    design", ECCV 2018, figure 3 (c).
    """

    def __init__(self, dim):
        super().__init__()
        half = dim // 2
        self.enter, self.leave = ConvNorm1d(half, half), ConvNorm1d(half, half)
        self.conv = ConvNorm1d(half, half, kernel_size=3, groups=half)

    def forward(self, x_BCT, mask_BT):
        passed_BCT, x_BCT = x_BCT.chunk(2, dim=1)
        x_BCT = F.relu(self.enter(x_BCT, mask_BT)[0])
        x_BCT, _ = self.conv(x_BCT, mask_BT)
        x_BCT = F.relu(self.leave(x_BCT, mask_BT)[0])
        return torch.stack([passed_BCT, x_BCT], dim=2).flatten(1, 2), mask_BT
