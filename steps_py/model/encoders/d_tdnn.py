"""D-TDNN: a time-delay network whose layers read the outputs of all layers before them.

Shape suffixes: B batch, T frames, D feature dimension, C channels.

Reference: Y.-Q. Yu and W.-J. Li, "Densely connected time delay neural network for speaker
verification", Interspeech 2020, table 1.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from steps_py.model.layers.conv import ConvNorm1d
from steps_py.model.layers.dense_tdnn import DenseStages, FrameConv
from steps_py.model.layers.stage_lists import check_one_each
from steps_py.model.registries import ENCODERS
from steps_py.settings.declare import Count, setting


@ENCODERS.register("d_tdnn")
class DTdnn(nn.Module):
    """A convolution over five frames, then dense blocks, each followed by half the channels.

    Convolutions are zero-padded and keep the number of frames.  The paper's network has pooling
    ``stats`` and an embedding of 512 dimensions with batch norm.

    >>> encoder = DTdnn(DTdnn.Config(hidden_dim=16, growth_dim=4), in_dim=3)
    >>> encoder(torch.zeros(2, 20, 3), None)[0].shape
    torch.Size([2, 20, 34])
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        hidden_dim: Count = setting(128, "channels of the first layer and inside dense layers")
        growth_dim: Count = setting(64, "channels that a dense layer appends")
        num_blocks: tuple[Count, ...] = setting((6, 12), "dense layers of each block")
        dilations: tuple[Count, ...] = setting((1, 3), "spacing of their three frames")

        def __post_init__(self):
            check_one_each("d_tdnn", "block", num_blocks=self.num_blocks, dilations=self.dilations)

    def __init__(self, config: Config, in_dim: int):
        super().__init__()
        self.first = ConvNorm1d(in_dim, config.hidden_dim, kernel_size=5)
        self.dense = DenseStages(
            config.hidden_dim,
            config.num_blocks,
            config.dilations,
            hidden_dim=config.hidden_dim,
            growth_dim=config.growth_dim,
            make_conv=FrameConv,
        )
        self.out_dim = self.dense.out_dim
        self.min_frames = 1

    def forward(
        self, x_BTD: torch.Tensor, mask_BT: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Frames (B, T, D) -> frames (B, T, C); padding of the input is 0."""
        x_BCT = F.relu(self.first(x_BTD.mT, mask_BT)[0])
        return self.dense(x_BCT, mask_BT).mT, mask_BT
