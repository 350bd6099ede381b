"""ResCNN: the residual network of Deep Speaker, with ReLU cut at 20.

Shape suffixes: B batch, T frames, D feature dimension, C channels, F frequency bins.

Reference: C. Li et al., "Deep Speaker: An end-to-end neural speaker embedding system",
arXiv:1705.02304, 2017, table 1 and figure 2.
"""

from dataclasses import dataclass

import torch
from torch import nn

from steps_py.model.layers.res2_block import clipped_relu
from steps_py.model.layers.strided_stage import StridedStage
from steps_py.model.registries import ENCODERS
from steps_py.settings.declare import Count, setting


@ENCODERS.register("rescnn")
class ResCnn(nn.Module):
    """Stages of a strided convolution of 5 x 5 and residual blocks; bins are kept.

    The paper's network has 64 features, pooling ``mean`` and 512 dimensions.

    >>> encoder = ResCnn(ResCnn.Config(base_dim=4), in_dim=64)
    >>> encoder(torch.zeros(2, 160, 64), None)[0].shape    # 32 channels of 4 bins
    torch.Size([2, 10, 128])
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        base_dim: Count = setting(
            64, "channels of the first stage; each following stage has twice as many"
        )
        num_blocks: tuple[Count, ...] = setting((3, 3, 3, 3), "residual blocks of each stage")

    def __init__(self, config: Config, in_dim: int):
        super().__init__()
        dim, num_bins = 1, in_dim
        self.stages = nn.ModuleList()
        for stage, num_blocks in enumerate(config.num_blocks):
            width = config.base_dim * 2**stage
            self.stages.append(StridedStage(dim, width, num_blocks, clipped_relu))
            dim, num_bins = width, -(-num_bins // 2)
        self.out_dim = dim * num_bins
        self.min_frames = 1

    def forward(
        self, x_BTD: torch.Tensor, mask_BT: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Frames (B, T, D) -> frames (B, T / 16 rounded up, C); padding of the input is 0."""
        x_BCTF = x_BTD[:, None]
        for stage in self.stages:
            x_BCTF, mask_BT = stage(x_BCTF, mask_BT)
        return x_BCTF.transpose(1, 2).contiguous().flatten(2), mask_BT
