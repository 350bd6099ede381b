"""A time-delay network followed by a pyramid of dilated convolutions (ASPP).

Shape suffixes: B batch, T frames, D feature dimension, C channels.

References: J. Monteiro et al., "Combining speaker recognition and metric learning for
speaker-dependent representation learning", Interspeech 2019; L.-C. Chen et al., "Rethinking
atrous convolution for semantic image segmentation", arXiv:1706.05587, 2017, section 3.3.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from steps_py.model.encoders.tdnn import Tdnn
from steps_py.model.layers.conv import ConvNorm1d
from steps_py.model.layers.masks import mean_over_frames, zero_padding
from steps_py.model.layers.norm import MaskedBatchNorm
from steps_py.model.registries import ENCODERS
from steps_py.settings.declare import Count, Share, setting


@ENCODERS.register("tdnn_aspp")
class TdnnAspp(nn.Module):
    """The x-vector's layers, then convolutions of several dilations side by side, and an affine.

    >>> config = TdnnAspp.Config(hidden_dim=8, out_dim=12, branch_dim=4)
    >>> encoder = TdnnAspp(config, in_dim=3)
    >>> encoder(torch.zeros(2, 20, 3), None)[0].shape
    torch.Size([2, 6, 12])
    """

    @dataclass(frozen=True, kw_only=True)
    class Config(Tdnn.Config):
        branch_dim: Count = setting(48, "channels of each convolution of the pyramid")
        pyramid_dilations: tuple[Count, ...] = setting(
            (6, 12, 18), "frames between the three frames of each of them"
        )
        dropout: Share = setting(0.5, "probability, after the last affine")

    def __init__(self, config: Config, in_dim: int):
        super().__init__()
        self.tdnn = Tdnn(config, in_dim)
        self.pyramid = Pyramid(config.out_dim, config.branch_dim, config.pyramid_dilations)
        self.dropout = nn.Dropout(config.dropout)
        self.out_dim, self.min_frames = config.out_dim, self.tdnn.min_frames

    def forward(
        self, x_BTD: torch.Tensor, mask_BT: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Frames (B, T, D) -> frames (B, T - min_frames + 1, C), and their mask."""
        x_BTC, mask_BT = self.tdnn(x_BTD, mask_BT)
        return self.dropout(self.pyramid(x_BTC.mT, mask_BT)).mT, mask_BT


class Pyramid(nn.Module):
    """An affine, dilated convolutions and an affine of the utterance's mean, side by side.

    All have batch norm and ReLU, and so has the affine of their outputs that follows.
    """

    def __init__(self, dim, branch_dim, dilations):
        super().__init__()
        self.branches = nn.ModuleList([ConvNorm1d(dim, branch_dim)])
        for dilation in dilations:
            self.branches.append(ConvNorm1d(dim, branch_dim, kernel_size=3, dilation=dilation))
        self.mean_affine = nn.Linear(dim, branch_dim, bias=False)
        self.mean_norm = MaskedBatchNorm(branch_dim)
        self.last = ConvNorm1d(branch_dim * (len(dilations) + 2), dim)

    def forward(self, x_BCT, mask_BT):
        outputs = [branch(x_BCT, mask_BT)[0] for branch in self.branches]
        mean_BC = mean_over_frames(x_BCT, mask_BT).to(x_BCT.dtype)
        mean_BC1 = self.mean_norm(self.mean_affine(mean_BC))[:, :, None]
        outputs.append(zero_padding(mean_BC1.expand_as(outputs[0]), mask_BT))
        return F.relu(self.last(F.relu(torch.cat(outputs, dim=1)), mask_BT)[0])
