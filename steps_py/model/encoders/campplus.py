"""CAM++: a densely connected time-delay network with context-aware masks.

Shape suffixes: B batch, T frames, D feature dimension, C channels, F frequency bins, S segments.

Reference: H. Wang et al., "CAM++: A fast and efficient network for speaker verification using
context-aware masking", Interspeech 2023, table 1 and equations (1) to (5).
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from steps_py.model.layers.conv import ConvNorm1d, ConvNorm2d
from steps_py.model.layers.dense_tdnn import DenseStages, FrameConv, NormRelu
from steps_py.model.layers.stage_lists import check_one_each
from steps_py.model.precision import at_least_float32
from steps_py.model.registries import ENCODERS
from steps_py.settings.declare import Count, setting

SEGMENT_FRAMES = 100


@ENCODERS.register("campplus")
class CamPlusPlus(nn.Module):
    """Residual blocks over bins, a layer that halves the frames, three dense blocks with masks.

    The paper's network has 80 features, pooling ``stats`` and an embedding of 192 or 512
    dimensions with batch norm.

    >>> encoder = CamPlusPlus(CamPlusPlus.Config(base_dim=4, hidden_dim=8, growth_dim=4), in_dim=16)
    >>> encoder(torch.zeros(2, 20, 16), None)[0].shape
    torch.Size([2, 10, 63])
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        base_dim: Count = setting(32, "channels of the residual blocks over bins")
        hidden_dim: Count = setting(128, "channels of the first layer and inside dense layers")
        growth_dim: Count = setting(32, "channels that a dense layer appends")
        num_blocks: tuple[Count, ...] = setting((12, 24, 16), "dense layers of each block")
        dilations: tuple[Count, ...] = setting((1, 2, 2), "spacing of their three frames")

        def __post_init__(self):
            check_one_each(
                "campplus", "block", num_blocks=self.num_blocks, dilations=self.dilations
            )

    def __init__(self, config: Config, in_dim: int):
        super().__init__()
        self.head = ConvHead(config.base_dim, in_dim)
        self.first = ConvNorm1d(self.head.out_dim, config.hidden_dim, kernel_size=5, stride=2)
        self.dense = DenseStages(
            config.hidden_dim,
            config.num_blocks,
            config.dilations,
            hidden_dim=config.hidden_dim,
            growth_dim=config.growth_dim,
            make_conv=ContextMaskedConv,
        )
        self.last = NormRelu(self.dense.out_dim)
        self.out_dim = self.dense.out_dim
        self.min_frames = 1
        for module in self.modules():
            if isinstance(module, nn.Conv1d):
                nn.init.kaiming_normal_(module.weight)

    def forward(
        self, x_BTD: torch.Tensor, mask_BT: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Frames (B, T, D) -> frames (B, T / 2 rounded up, C); padding of the input is 0."""
        x_BCT, mask_BT = self.first(self.head(x_BTD, mask_BT), mask_BT)
        x_BCT = self.dense(F.relu(x_BCT), mask_BT)
        return self.last(x_BCT, mask_BT).mT, mask_BT


class ConvHead(nn.Module):
    """Convolutions over frames and bins that leave an eighth of the bins and all frames."""

    def __init__(self, dim, num_bins):
        super().__init__()
        self.first = ConvNorm2d(1, dim)
        self.blocks = nn.ModuleList(BinBlock(dim, bin_stride) for bin_stride in (2, 1, 2, 1))
        self.last = ConvNorm2d(dim, dim, stride=(1, 2))
        self.out_dim = dim * -(-num_bins // 8)

    def forward(self, x_BTD, mask_BT):
        """Features (B, T, D) -> frames (B, C, T)."""
        x_BCTF = F.relu(self.first(x_BTD[:, None], mask_BT)[0])
        for block in self.blocks:
            x_BCTF = block(x_BCTF, mask_BT)
        x_BCTF = F.relu(self.last(x_BCTF, mask_BT)[0])
        return x_BCTF.transpose(2, 3).flatten(1, 2)


class BinBlock(nn.Module):
    """Two convolutions of 3 x 3 with a residual connection; the first can halve the bins."""

    def __init__(self, dim, bin_stride):
        super().__init__()
        stride = (1, bin_stride)
        self.first = ConvNorm2d(dim, dim, stride=stride)
        self.second = ConvNorm2d(dim, dim)
        self.shortcut = ConvNorm2d(dim, dim, 1, stride) if bin_stride > 1 else None

    def forward(self, x_BCTF, mask_BT):
        y_BCTF = self.second(F.relu(self.first(x_BCTF, mask_BT)[0]), mask_BT)[0]
        if self.shortcut is not None:
            x_BCTF = self.shortcut(x_BCTF, mask_BT)[0]
        return F.relu(y_BCTF + x_BCTF)


class ContextMaskedConv(nn.Module):
    """A convolution whose output is gated by the mean of the utterance and of segments of it.

    The gate is ``sigmoid(W2 relu(W1 (mean of all frames + mean of the frame's segment)))``; the
    means are over the real frames of the input.
    """

    def __init__(self, in_dim, out_dim, dilation):
        super().__init__()
        self.local = FrameConv(in_dim, out_dim, dilation)
        self.squeeze = nn.Conv1d(in_dim, max(1, in_dim // 2), kernel_size=1)
        self.excite = nn.Conv1d(max(1, in_dim // 2), out_dim, kernel_size=1)

    def forward(self, x_BCT, mask_BT):
        segment_T = segments(x_BCT)
        segment_BCS, all_BC1 = means(x_BCT, mask_BT)
        context_BCS = (segment_BCS + all_BC1).to(x_BCT.dtype)
        gate_BCS = torch.sigmoid(self.excite(F.relu(self.squeeze(context_BCS))))
        return self.local(x_BCT, mask_BT) * gate_BCS[:, :, segment_T]


def segments(x_BCT: torch.Tensor) -> torch.Tensor:
    """The segment of each frame (T,), of 100 frames each."""
    return torch.arange(x_BCT.shape[2], device=x_BCT.device) // SEGMENT_FRAMES


def means(x_BCT: torch.Tensor, mask_BT: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor]:
    """Means (B, C, S) over the real frames of each segment, and (B, C, 1) over all of them.

    Padding of `x_BCT` is 0.  The mean of a segment without a real frame is 0.  There are at least
    two segments: an exported network then has one graph for all lengths.

    >>> means(torch.arange(102.0).view(1, 1, 102), None)
    (tensor([[[ 49.5000, 100.5000,   0.0000]]]), tensor([[[50.5000]]]))
    """
    num_segments = x_BCT.shape[2] // SEGMENT_FRAMES + 2
    member_TS = segments(x_BCT)[:, None] == torch.arange(num_segments, device=x_BCT.device)
    member_TS = member_TS.to(x_BCT.dtype)
    real_BT = x_BCT.new_ones(x_BCT[:, 0].shape) if mask_BT is None else mask_BT.to(x_BCT.dtype)
    num_B1S = at_least_float32(real_BT @ member_TS)[:, None]
    sum_BCS = at_least_float32(x_BCT @ member_TS)
    return sum_BCS / num_B1S.clamp(min=1), sum_BCS.sum(2, True) / num_B1S.sum(2, True)
