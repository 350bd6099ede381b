"""D-TDNN-SS: a densely connected network whose layers choose between two spacings of frames.

Shape suffixes: B batch, T frames, D feature dimension, C channels, K branches.

Reference: Y.-Q. Yu and W.-J. Li, "Densely connected time delay neural network for speaker
verification", Interspeech 2020, sections 2.2 and 2.3 and table 1.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from steps_py.model.layers.dense_tdnn import DenseStages, FrameConv, NormPrelu
from steps_py.model.layers.masks import zero_padding
from steps_py.model.poolings.moments import MomentsPooling
from steps_py.model.registries import ENCODERS
from steps_py.settings.declare import Count, setting

DILATIONS = (1, 3)  # of the branches of each layer


@ENCODERS.register("d_tdnn_ss")
class DTdnnSs(nn.Module):
    """A convolution over five frames, then dense blocks of layers with two branches.

    The outputs of the branches, of neighbouring frames and of frames 3 apart, are added with
    weights of each channel, which depend on moments of their sum over the utterance.  Convolutions
    are zero-padded and keep the number of frames.  The paper's network has pooling ``stats`` and
    an embedding of 512 dimensions with batch norm.  Moments are of the population; the public
    code's deviation divides by T - 1.

    >>> encoder = DTdnnSs(DTdnnSs.Config(hidden_dim=16, growth_dim=4), in_dim=3)
    >>> encoder(torch.zeros(2, 20, 3), None)[0].shape
    torch.Size([2, 20, 34])
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        hidden_dim: Count = setting(128, "channels of the first layer and inside dense layers")
        growth_dim: Count = setting(64, "channels that a dense layer appends")
        num_blocks: tuple[Count, ...] = setting((6, 12), "dense layers of each block")
        null_branch: bool = setting(True, "a branch of zeros, so that a layer can be closed")

    def __init__(self, config: Config, in_dim: int):
        super().__init__()
        self.first = nn.Conv1d(in_dim, config.hidden_dim, kernel_size=5, padding=2, bias=False)
        self.first_norm = NormPrelu(config.hidden_dim)

        def make_conv(in_dim, out_dim, dilation):
            return SelectedConv(in_dim, out_dim, config.null_branch)

        self.dense = DenseStages(
            config.hidden_dim,
            config.num_blocks,
            [1] * len(config.num_blocks),
            hidden_dim=config.hidden_dim,
            growth_dim=config.growth_dim,
            make_conv=make_conv,
            make_norm=NormPrelu,
        )
        self.out_dim = self.dense.out_dim
        self.min_frames = 1

    def forward(
        self, x_BTD: torch.Tensor, mask_BT: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Frames (B, T, D) -> frames (B, T, C); padding of the input is 0."""
        x_BCT = self.first_norm(self.first(x_BTD.mT), mask_BT)
        return self.dense(x_BCT, mask_BT).mT, mask_BT


class SelectedConv(nn.Module):
    """The sum of convolutions of different spacing, with weights from moments of the utterance."""

    def __init__(self, in_dim, out_dim, null_branch):
        super().__init__()
        self.branches = nn.ModuleList(FrameConv(in_dim, out_dim, step) for step in DILATIONS)
        hidden_dim = max(1, out_dim // 2)
        self.moments = MomentsPooling(MomentsPooling.Config(variance_floor=1e-4), out_dim)
        self.squeeze = nn.Linear(self.moments.out_dim, hidden_dim)
        num_choices = len(DILATIONS) + null_branch
        self.choices = nn.ModuleList(nn.Linear(hidden_dim, out_dim) for _ in range(num_choices))

    def forward(self, x_BCT, mask_BT):
        outputs = [branch(x_BCT, mask_BT) for branch in self.branches]
        moments_B4C = self.moments(zero_padding(sum(outputs), mask_BT).mT, mask_BT)
        hidden_BH = self.squeeze(moments_B4C.to(x_BCT.dtype))
        logits_BKC = torch.stack([choice(hidden_BH) for choice in self.choices], dim=1)
        shares_BKC = F.softmax(logits_BKC, dim=1).to(x_BCT.dtype)
        return sum(y_BCT * shares_BKC[:, k, :, None] for k, y_BCT in enumerate(outputs))
