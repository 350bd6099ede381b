"""Squeeze and excitation: channel gates computed from the whole utterance.

Shape suffixes: B batch, T frames, C channels, F frequency bins.

Reference: J. Hu et al., "Squeeze-and-excitation networks", CVPR 2018, equations (2) to (4).
"""

import torch
import torch.nn.functional as F
from torch import nn

from steps_py.model.layers.masks import mean_over_frames


class SqueezeExcitation(nn.Module):
    """x_c times sigmoid(W2 relu(W1 z))_c, with z the mean of each channel over real frames.

    >>> SqueezeExcitation(8, hidden_dim=2)(torch.zeros(3, 8, 5, 4)).shape
    torch.Size([3, 8, 5, 4])
    """

    def __init__(self, num_channels: int, hidden_dim: int):
        super().__init__()
        self.squeeze = nn.Linear(num_channels, hidden_dim)
        self.excite = nn.Linear(hidden_dim, num_channels)

    def forward(self, x: torch.Tensor, mask_BT: torch.Tensor | None = None) -> torch.Tensor:
        """Gate `x` of shape (B, C, T) or (B, C, T, F); the shape is kept."""
        mean_BC = mean_over_frames(x, mask_BT)
        gate_BC = torch.sigmoid(self.excite(F.relu(self.squeeze(mean_BC))))
        return x * gate_BC.view(*gate_BC.shape, *[1] * (x.ndim - 2)).to(x.dtype)
