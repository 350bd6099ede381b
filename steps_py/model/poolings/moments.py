"""Mean, standard deviation, skewness and kurtosis.

Shape suffixes: B batch, T frames, C channels.

Reference: D. Snyder et al., "Deep neural network embeddings for text-independent speaker
verification", Interspeech 2017, section 3.2, for the first two; the standardised third and
fourth moments are K. Pearson's, 1905.
"""

from dataclasses import dataclass

import torch
from torch import nn

from steps_py.model.layers.masks import zero_padding
from steps_py.model.layers.stats import mean_and_deviation, softmax_over_frames
from steps_py.model.registries import POOLINGS
from steps_py.settings.declare import setting


@POOLINGS.register("moments")
class MomentsPooling(nn.Module):
    r"""Four moments of each channel over the real frames.

    .. math:: \mu, \quad \sigma, \quad \tfrac1T \sum_t z_t^3, \quad \tfrac1T \sum_t z_t^4, \qquad
              z_t = (x_t - \mu) / \sigma

    The kurtosis of a normal distribution is 3.  A constant channel has 0 for both.

    >>> pooling = MomentsPooling(MomentsPooling.Config(), in_dim=1)
    >>> pooling(torch.tensor([[[0.0], [2.0]]]))
    tensor([[1., 1., 0., 1.]])
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        variance_floor: float = setting(1e-7, exclusiveMinimum=0)

    def __init__(self, config: Config, in_dim: int):
        super().__init__()
        self.variance_floor = config.variance_floor
        self.out_dim = 4 * in_dim

    def forward(self, x_BTC: torch.Tensor, mask_BT: torch.Tensor | None = None) -> torch.Tensor:
        """Frames (B, T, C) -> (B, 4C): means, deviations, skewnesses, kurtoses."""
        x_BTC = x_BTC.float()
        x_BTC = zero_padding(x_BTC.mT, mask_BT).mT
        weight_BT1 = softmax_over_frames(torch.zeros_like(x_BTC[:, :, :1]), mask_BT)
        mean_BC, deviation_BC = mean_and_deviation(x_BTC, weight_BT1, self.variance_floor)
        z_BTC = (x_BTC - mean_BC[:, None]) / deviation_BC[:, None]
        higher = [(weight_BT1 * z_BTC**power).sum(dim=1) for power in (3, 4)]
        return torch.cat([mean_BC, deviation_BC, *higher], dim=1)
