"""One affine of stacked frames: the smallest network.

Shape suffixes: B batch, T frames, D feature dimension, C channels.

Reference: E. Variani et al., "Deep neural networks for small footprint text-dependent speaker
verification", ICASSP 2014, section 3.
"""

from dataclasses import dataclass

import torch
from torch import nn

from steps_py.model.layers.conv import every
from steps_py.model.registries import ENCODERS
from steps_py.settings.declare import Count, setting


@ENCODERS.register("dense")
class Dense(nn.Module):
    """The sigmoid of an affine of ten frames side by side, every third frame.

    With 39 features, MFCCs and their deltas, this is the network 390-200.

    >>> encoder = Dense(Dense.Config(out_dim=8), in_dim=39)
    >>> encoder(torch.zeros(2, 20, 39), None)[0].shape
    torch.Size([2, 4, 8])
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        out_dim: Count = 200
        stacked_frames: Count = setting(10, "input frames of the affine")
        stride: Count = setting(3, "frames between its output frames")

    def __init__(self, config: Config, in_dim: int):
        super().__init__()
        self.affine = nn.Conv1d(in_dim, config.out_dim, config.stacked_frames, config.stride)
        self.out_dim = config.out_dim
        self.stride = config.stride
        self.min_frames = config.stacked_frames

    def forward(
        self, x_BTD: torch.Tensor, mask_BT: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Frames (B, T, D) -> frames for which all input frames exist, and their mask."""
        if mask_BT is not None:
            mask_BT = every(mask_BT[:, self.min_frames - 1 :], self.stride)
        return torch.sigmoid(self.affine(x_BTD.mT)).mT, mask_BT
