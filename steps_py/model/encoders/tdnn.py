"""Time-delay network of the x-vector.

Shape suffixes: B batch, T frames, D feature dimension, C channels.

Reference: D. Snyder et al., "X-vectors: Robust DNN embeddings for speaker recognition",
ICASSP 2018, table 1 (frame1 to frame5).
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from steps_py.model.layers.norm import MaskedBatchNorm
from steps_py.model.layers.stage_lists import check_one_each
from steps_py.model.registries import ENCODERS
from steps_py.settings.declare import Count, setting

BATCH_NORM_EPS = 1e-3  # as in Kaldi's BatchNormComponent; bounds the gain of a dead ReLU


@ENCODERS.register("tdnn")
class Tdnn(nn.Module):
    """Layers of affine, ReLU and batch norm over frames at given offsets.

    With the defaults the layers have the offsets (-2..2), (-2,0,2), (-3,0,3), 0 and 0, and a
    receptive field of 15 frames.  As in Kaldi's nnet3 there is no padding, so the output is 14
    frames shorter than the input.

    >>> encoder = Tdnn(Tdnn.Config(hidden_dim=8, out_dim=12), in_dim=3)
    >>> encoder(torch.zeros(2, 20, 3), None)[0].shape, encoder.min_frames
    (torch.Size([2, 6, 12]), 15)
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        hidden_dim: Count = 512
        out_dim: Count = 1500
        kernel_sizes: tuple[Count, ...] = setting((5, 3, 3, 1, 1), "input frames of each layer")
        dilations: tuple[Count, ...] = setting((1, 2, 3, 1, 1), "spacing of these frames")
        norm_scale: bool = setting(
            False, "scale and offset after batch norm, which the next affine could absorb"
        )

        def __post_init__(self):
            check_one_each(
                "tdnn", "layer", kernel_sizes=self.kernel_sizes, dilations=self.dilations
            )

    def __init__(self, config: Config, in_dim: int):
        super().__init__()
        dims = [in_dim, *[config.hidden_dim] * (len(config.kernel_sizes) - 1), config.out_dim]
        self.layers = nn.ModuleList(
            TdnnLayer(*sizes, config.norm_scale)
            for sizes in zip(
                dims[:-1], dims[1:], config.kernel_sizes, config.dilations, strict=True
            )
        )
        self.out_dim = config.out_dim
        self.min_frames = 1 + sum(layer.span for layer in self.layers)

    def forward(
        self, x_BTD: torch.Tensor, mask_BT: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Frames (B, T, D) -> frames (B, T - min_frames + 1, C), and their mask."""
        for layer in self.layers:
            if mask_BT is not None:  # real if the last input frame is
                mask_BT = mask_BT[:, layer.span :]
            x_BTD = layer(x_BTD, mask_BT)
        return x_BTD, mask_BT


class TdnnLayer(nn.Module):
    """Affine over `kernel_size` frames `dilation` apart, ReLU, batch norm.

    By default the norm has no scale and offset, as the next affine layer would absorb them.
    """

    def __init__(
        self, in_dim: int, out_dim: int, kernel_size: int, dilation: int, norm_scale: bool = False
    ):
        super().__init__()
        self.offsets = [i * dilation for i in range(kernel_size)]
        self.span = self.offsets[-1]
        self.affine = nn.Linear(kernel_size * in_dim, out_dim)
        self.norm = MaskedBatchNorm(out_dim, eps=BATCH_NORM_EPS, affine=norm_scale)

    def forward(self, x_BTC, mask_BT=None, shift_B1C=None):
        """Frames (B, T, C) -> frames (B, T - span, C); the mask is that of the output.

        `shift_B1C`, if any, is added before ReLU.
        """
        num_frames = x_BTC.shape[1] - self.span
        if self.span:
            x_BTC = torch.cat([x_BTC[:, o : o + num_frames] for o in self.offsets], dim=2)
        x_BTC = self.affine(x_BTC)
        if shift_B1C is not None:
            x_BTC = x_BTC + shift_B1C
        x_BTC = F.relu(x_BTC)
        mask_N = None if mask_BT is None else mask_BT.flatten()
        return self.norm(x_BTC.flatten(0, 1), mask_N).view(x_BTC.shape)


def middle(x_BTC: torch.Tensor, num_frames: int) -> torch.Tensor:
    """The frames in the middle of a longer output."""
    first = (x_BTC.shape[1] - num_frames) // 2
    return x_BTC[:, first : first + num_frames]
