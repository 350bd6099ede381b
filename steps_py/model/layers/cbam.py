"""Convolutional block attention: gates of channels, then of places.

Shape suffixes: B batch, T frames, C channels, F frequency bins.

Reference: S. Woo et al., "CBAM: Convolutional block attention module", ECCV 2018, equations (1)
to (3).
"""

import torch
import torch.nn.functional as F
from torch import nn

from steps_py.model.layers.conv import ConvNorm2d
from steps_py.model.layers.masks import expand_mask, mean_over_frames


class Cbam(nn.Module):
    """Gates of channels from their mean and maximum, then of places from those over channels.

    Mean and maximum of a channel are over real frames; the gates of places come from a
    convolution of 7 x 7 with batch norm.

    >>> Cbam(8, hidden_dim=2)(torch.zeros(3, 8, 5, 4)).shape
    torch.Size([3, 8, 5, 4])
    """

    def __init__(self, num_channels: int, hidden_dim: int):
        super().__init__()
        self.squeeze = nn.Linear(num_channels, hidden_dim)
        self.excite = nn.Linear(hidden_dim, num_channels)
        self.places = ConvNorm2d(2, 1, kernel_size=7)

    def forward(self, x_BCTF: torch.Tensor, mask_BT: torch.Tensor | None = None) -> torch.Tensor:
        """Gate `x_BCTF`, whose padding is 0; that of the output is 0."""
        mean_BC = mean_over_frames(x_BCTF, mask_BT).to(x_BCTF.dtype)
        max_BC = max_over_frames(x_BCTF, mask_BT)
        gate_BC = torch.sigmoid(self._perceptron(mean_BC) + self._perceptron(max_BC))
        x_BCTF = x_BCTF * gate_BC[:, :, None, None].to(x_BCTF.dtype)
        over_channels = [x_BCTF.mean(dim=1, keepdim=True), x_BCTF.amax(dim=1, keepdim=True)]
        places_B1TF, _ = self.places(torch.cat(over_channels, dim=1), mask_BT)
        return x_BCTF * torch.sigmoid(places_B1TF)

    def _perceptron(self, x_BC):
        return self.excite(F.relu(self.squeeze(x_BC)))


def max_over_frames(x_BCTF: torch.Tensor, mask_BT: torch.Tensor | None) -> torch.Tensor:
    """Maximum (B, C) over real frames and bins."""
    if mask_BT is not None:
        x_BCTF = x_BCTF.masked_fill(~expand_mask(mask_BT, x_BCTF), -torch.inf)
    return x_BCTF.amax(dim=(2, 3))
