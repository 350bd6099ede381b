"""ResCNN: the residual network of Deep Speaker, with ReLU cut at 20.

Shape suffixes: B batch, T frames, D feature dimension, C channels, F frequency bins.

Reference: C. Li et al., "Deep Speaker: An end-to-end neural speaker embedding system",
arXiv:1705.02304, 2017, table 1 and figure 2.
"""

from dataclasses import dataclass

from torch import nn

from steps_py.model.layers.res2_block import clipped_relu
from steps_py.model.layers.staged_encoder import StagedEncoder
from steps_py.model.layers.strided_stage import StridedStage
from steps_py.model.registries import ENCODERS
from steps_py.settings.declare import Count, setting


@ENCODERS.register("rescnn")
class ResCnn(StagedEncoder):
    """Four stages of a convolution of 5 x 5 that halves frames and bins, and residual blocks.

    The paper's network has 64 features, pooling ``mean`` and 512 dimensions.

    >>> import torch
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
        super().__init__(config.base_dim, config.num_blocks, in_dim, make_stage)


def make_stage(in_dim: int, dim: int, num_blocks: int) -> nn.Module:
    return StridedStage(in_dim, dim, num_blocks, clipped_relu)
