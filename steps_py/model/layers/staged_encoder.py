"""Encoders of stages over frames and bins, each with half of both and twice the channels.

Shape suffixes: B batch, T frames, D feature dimension, C channels, F frequency bins.

Reference: K. He et al., "Deep residual learning for image recognition", CVPR 2016, table 1.
"""

from collections.abc import Callable, Sequence

import torch
from torch import nn


class StagedEncoder(nn.Module):
    """The stages ``make_stage(in_dim, dim, num_blocks)``, one for each number of `num_blocks`.

    A stage is called with maps and their mask, and returns both.  Channels and bins of the last
    are flattened.

    >>> def make_stage(in_dim, dim, num_blocks):
    ...     return ConvNorm2d(in_dim, dim, stride=(2, 2))
    >>> from steps_py.model.layers.conv import ConvNorm2d
    >>> encoder = StagedEncoder(4, (1, 1), 9, make_stage)
    >>> encoder(torch.zeros(2, 20, 9), None)[0].shape    # 8 channels of 3 bins
    torch.Size([2, 5, 24])
    """

    def __init__(
        self,
        base_dim: int,
        num_blocks: Sequence[int],
        num_bins: int,
        make_stage: Callable[[int, int, int], nn.Module],
    ):
        super().__init__()
        dims = [1, *(base_dim * 2**stage for stage in range(len(num_blocks)))]
        self.stages = nn.ModuleList(
            make_stage(*sizes) for sizes in zip(dims[:-1], dims[1:], num_blocks, strict=True)
        )
        self.last_dim, self.num_bins = dims[-1], -(-num_bins // 2 ** len(num_blocks))
        self.out_dim = self.last_dim * self.num_bins
        self.min_frames = 1

    def forward(
        self, x_BTD: torch.Tensor, mask_BT: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Frames (B, T, D) -> frames, half as many for each stage; padding of the input is 0."""
        x_BCTF = x_BTD[:, None]
        for stage in self.stages:
            x_BCTF, mask_BT = stage(x_BCTF, mask_BT)
        return self.join_bins(x_BCTF), mask_BT

    def join_bins(self, x_BCTF: torch.Tensor) -> torch.Tensor:
        """Maps -> frames (B, T, C)."""
        return x_BCTF.transpose(1, 2).contiguous().flatten(2)
