"""Residual networks over time and frequency.

Shape suffixes: B batch, T frames, D feature dimension, C channels, F frequency bins.

References: K. He et al., "Deep residual learning for image recognition", CVPR 2016, table 1;
for speakers, with 16 or 32 instead of 64 channels, J. S. Chung et al., "In
defence of metric learning for speaker recognition", Interspeech 2020.  Gates: J. Hu et al.,
"Squeeze-and-excitation networks", CVPR 2018; S. Woo et al., "CBAM: Convolutional block attention
module", ECCV 2018; X. Qin et al., "Simple attention module based speaker verification with
iterative noisy label detection", ICASSP 2022, with depth 34 or 100 and `base_dim` 64.
Pre-activation: K. He et al., "Identity mappings in deep residual networks", ECCV 2016, figure 4
(e); as in asv-subtools a shortcut has batch norm, and there is none after the last block.
"""

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import nn

from steps_py.errors import ConfigError
from steps_py.model.layers.cbam import Cbam
from steps_py.model.layers.conv import every
from steps_py.model.layers.masks import zero_padding
from steps_py.model.layers.norm import MaskedBatchNorm
from steps_py.model.layers.simam import SimAm
from steps_py.model.layers.squeeze_excitation import SqueezeExcitation
from steps_py.model.registries import ENCODERS
from steps_py.settings.declare import Count, setting

NUM_BLOCKS = {  # depth -> blocks per stage
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    50: (3, 4, 6, 3),
    100: (6, 16, 24, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
    221: (6, 16, 48, 3),
    293: (10, 20, 64, 3),
}
TWO_CONVS = (18, 34, 100)  # depths with two convolutions in a block; the others have three
GATES = {"squeeze_excitation": SqueezeExcitation, "cbam": Cbam}  # with hidden units


@ENCODERS.register("resnet")
class ResNet(nn.Module):
    """Four stages of residual blocks; all but the first halve frames and frequency bins.

    The input has one channel; the first convolution is 3 x 3 with stride 1 by default, and there
    is no pooling before the stages.  Stage s has ``base_dim * 2**s`` channels, and where a block
    has three convolutions (all depths but 18, 34 and 100) four times as many at its end.  `depth`
    34 with `base_dim` 16 is the thin ResNet-34; 32 is usual for the deep ones.  Channels and bins
    of the output are flattened; it has an eighth of the frames.

    The fast ResNet-34 of Chung et al. has `base_dim` 16, a first convolution of 7 x 7 with strides
    (1, 2), `strides` 1, 2, 2, 1, `squeeze_ratio` 8, `order` ``relu_norm`` and `mean_over_bins`.

    >>> encoder = ResNet(ResNet.Config(depth=18, base_dim=4), in_dim=24)
    >>> encoder(torch.zeros(2, 20, 24), None)[0].shape    # 32 channels of 3 bins
    torch.Size([2, 3, 96])
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        depth: Literal[18, 34, 50, 100, 101, 152, 221, 293] = 34
        base_dim: Count = 32
        gate: Literal["squeeze_excitation", "cbam", "simam"] = setting(
            "squeeze_excitation", "attention at the end of a block, before the shortcut is added"
        )
        squeeze_ratio: int = setting(
            0, "channels per hidden unit of the gate, if it has any; 0: no such gate", minimum=0
        )
        first_kernel_size: Literal[3, 5, 7] = setting(3, "frames and bins of the first convolution")
        first_strides: tuple[Count, Count] = setting(
            (1, 1), "frames and bins between those of its output"
        )
        strides: tuple[Count, Count, Count, Count] = setting(
            (1, 2, 2, 2), "frames and bins between those of each stage's output"
        )
        expansion: Count = setting(
            4, "channels at the end of a block of three convolutions per channel inside"
        )
        order: Literal["norm_relu", "relu_norm", "pre_activation"] = setting(
            "norm_relu",
            "inside a block, batch norm and ReLU after each convolution, in this or the other"
            " order, or both before it and none after the sum",
        )
        mean_over_bins: bool = setting(False, "average over bins; false: flatten channels and bins")

        def __post_init__(self):
            if self.gate == "cbam" and not self.squeeze_ratio:
                raise ConfigError(
                    "encoder 'resnet': gate is 'cbam' and squeeze_ratio is 0, which is no gate."
                    " Set squeeze_ratio, to 8 or 16 as a rule."
                )
            if self.gate == "simam" and self.squeeze_ratio:
                raise ConfigError(
                    f"encoder 'resnet': gate is 'simam', which has no hidden units, and"
                    f" squeeze_ratio is {self.squeeze_ratio}. Remove one of them."
                )

    def __init__(self, config: Config, in_dim: int):
        super().__init__()
        make_block = BasicBlock if config.depth in TWO_CONVS else Bottleneck
        size, (frame_stride, bin_stride) = config.first_kernel_size, config.first_strides
        dim, num_bins = config.base_dim, -(-in_dim // bin_stride)
        self.first_stride = frame_stride
        self.conv = nn.Conv2d(
            1, dim, size, stride=config.first_strides, padding=size // 2, bias=False
        )
        self.norm = MaskedBatchNorm(dim)
        self.blocks = nn.ModuleList()
        stages = zip(NUM_BLOCKS[config.depth], config.strides, strict=True)
        for stage, (num_blocks, first_stride) in enumerate(stages):
            for number in range(num_blocks):
                stride = 1 if number else first_stride
                self.blocks.append(make_block(dim, config.base_dim * 2**stage, stride, config))
                dim, num_bins = self.blocks[-1].out_dim, -(-num_bins // stride)
        self.mean_over_bins = config.mean_over_bins
        self.out_dim = dim if config.mean_over_bins else dim * num_bins
        self.min_frames = 1
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(
        self, x_BTD: torch.Tensor, mask_BT: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Frames (B, T, D) -> frames (B, T', C), by default T / 8; padding of the input is 0."""
        mask_BT = every(mask_BT, self.first_stride)
        x_BCTF = F.relu(self.norm(self.conv(x_BTD[:, None]), mask_BT), inplace=True)
        for block in self.blocks:
            x_BCTF, mask_BT = block(x_BCTF, mask_BT)
        if self.mean_over_bins:
            return x_BCTF.mean(dim=3).mT, mask_BT
        return x_BCTF.transpose(1, 2).contiguous().flatten(2), mask_BT


def norm_relu(x_BCTF, conv, norm, mask_BT, out_mask_BT, is_last):
    y_BCTF = norm(conv(x_BCTF), out_mask_BT)
    return y_BCTF if is_last else F.relu(y_BCTF, inplace=True)


def relu_norm(x_BCTF, conv, norm, mask_BT, out_mask_BT, is_last):
    y_BCTF = conv(x_BCTF)
    return norm(y_BCTF if is_last else F.relu(y_BCTF, inplace=True), out_mask_BT)


def pre_activation(x_BCTF, conv, norm, mask_BT, out_mask_BT, is_last):
    return zero_padding(conv(F.relu(norm(x_BCTF, mask_BT))), out_mask_BT)


ORDERS = {  # one of the layers of a block: maps (B, C, T, F) whose padding is 0 -> such maps
    "norm_relu": norm_relu,
    "relu_norm": relu_norm,
    "pre_activation": pre_activation,
}


class Block(nn.Module):
    """Convolutions with batch norm and a shortcut; padding of the output is 0.

    Every `stride`-th frame is kept; it is real if the frame at its centre is.
    """

    def __init__(self, convs, shortcut, config):
        super().__init__()
        self.out_dim = out_dim = convs[-1].out_channels
        self.layer, norm_comes_first = ORDERS[config.order], config.order == "pre_activation"
        self.ends_with_relu = not norm_comes_first
        self.convs = nn.ModuleList(convs)
        self.norms = nn.ModuleList(
            MaskedBatchNorm(conv.in_channels if norm_comes_first else conv.out_channels)
            for conv in convs
        )
        self.gate = make_gate(out_dim, config)
        (self.stride, _) = shortcut.stride
        self.shortcut = self.shortcut_norm = None
        if self.stride > 1 or shortcut.in_channels != shortcut.out_channels:
            self.shortcut, self.shortcut_norm = shortcut, MaskedBatchNorm(out_dim)

    def forward(self, x_BCTF, mask_BT):
        y_BCTF, out_mask_BT = x_BCTF, mask_BT
        for number, (conv, norm) in enumerate(zip(self.convs, self.norms, strict=True), 1):
            layer_mask_BT, out_mask_BT = out_mask_BT, every(out_mask_BT, conv.stride[0])
            is_last = number == len(self.convs)
            y_BCTF = self.layer(y_BCTF, conv, norm, layer_mask_BT, out_mask_BT, is_last)
        if self.gate is not None:
            y_BCTF = self.gate(y_BCTF, out_mask_BT)
        if self.shortcut is not None:
            x_BCTF = self.shortcut_norm(self.shortcut(x_BCTF), out_mask_BT)
        y_BCTF = y_BCTF + x_BCTF
        return F.relu(y_BCTF, inplace=True) if self.ends_with_relu else y_BCTF, out_mask_BT


class BasicBlock(Block):
    """Two convolutions of 3 x 3."""

    def __init__(self, in_dim, width, stride, config):
        convs = [conv3x3(in_dim, width, stride), conv3x3(width, width)]
        super().__init__(convs, conv1x1(in_dim, width, stride), config)


class Bottleneck(Block):
    """Convolutions of 1 x 1, 3 x 3 and 1 x 1; the last has `expansion` times the channels."""

    def __init__(self, in_dim, width, stride, config):
        out_dim = config.expansion * width
        convs = [conv1x1(in_dim, width), conv3x3(width, width, stride), conv1x1(width, out_dim)]
        super().__init__(convs, conv1x1(in_dim, out_dim, stride), config)


def make_gate(dim: int, config: ResNet.Config) -> nn.Module | None:
    """The attention at the end of a block of `dim` channels, if there is any."""
    if config.gate == "simam":
        return SimAm()
    return GATES[config.gate](dim, dim // config.squeeze_ratio) if config.squeeze_ratio else None


def conv3x3(in_dim: int, out_dim: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(in_dim, out_dim, kernel_size=3, stride=stride, padding=1, bias=False)


def conv1x1(in_dim: int, out_dim: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(in_dim, out_dim, kernel_size=1, stride=stride, bias=False)
