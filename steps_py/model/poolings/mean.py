"""Mean pooling.

Shape suffixes: B batch, T frames, C channels.

Reference: C. Li et al., "Deep Speaker: An end-to-end neural speaker embedding system",
arXiv:1705.02304, 2017, equation (1).
"""

from dataclasses import dataclass

import torch
from torch import nn

from steps_py.model.layers.masks import mean_over_frames
from steps_py.model.registries import POOLINGS


@POOLINGS.register("mean")
class MeanPooling(nn.Module):
    """Mean of each channel over the real frames.

    >>> pooling = MeanPooling(MeanPooling.Config(), in_dim=1)
    >>> pooling(torch.tensor([[[1.0], [3.0], [100.0]]]), torch.tensor([[True, True, False]]))
    tensor([[2.]])
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        pass

    def __init__(self, config: Config, in_dim: int):
        super().__init__()
        self.out_dim = in_dim

    def forward(self, x_BTC: torch.Tensor, mask_BT: torch.Tensor | None = None) -> torch.Tensor:
        """Frames (B, T, C) -> (B, C), in float32."""
        return mean_over_frames(x_BTC.mT, mask_BT)
