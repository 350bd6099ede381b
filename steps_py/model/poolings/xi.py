"""Xi-vector pooling: posterior of the utterance's mean, given the precision of each frame.

Shape suffixes: B batch, T frames, C channels, H hidden.

Reference: K. A. Lee, Q. Wang and T. Koshinaka, "Xi-vector embedding for speaker recognition",
IEEE Signal Processing Letters 28, 2021, equations (5) to (8).
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from steps_py.model.layers.masks import zero_padding
from steps_py.model.registries import POOLINGS
from steps_py.settings.declare import Count, setting


@POOLINGS.register("xi")
class XiPooling(nn.Module):
    r"""Posterior mean of a Gaussian prior and frames of different precision.

    .. math:: L_t = \log\bigl(1 + e^{V \max(0, W x_t + b) + k}\bigr), \qquad
              \phi = \frac{\sum_t L_t \odot x_t + L_p \odot \mu_p}{\sum_t L_t + L_p}

    Each channel has its own precisions; the prior's :math:`\mu_p` and :math:`L_p` are learned.
    With `deviation` the posterior's standard deviation :math:`(\sum_t L_t + L_p)^{-1/2}` is
    appended.  Computed in float32, except the affines under autocast.

    >>> pooling = XiPooling(XiPooling.Config(), in_dim=3)
    >>> pooling(torch.zeros(4, 7, 3)).shape
    torch.Size([4, 3])
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        hidden_dim: Count = 256
        deviation: bool = setting(False, "append the posterior's deviation")

    def __init__(self, config: Config, in_dim: int):
        super().__init__()
        self.deviation = config.deviation
        self.hidden = nn.Linear(in_dim, config.hidden_dim)
        self.precision = nn.Linear(config.hidden_dim, in_dim)
        self.prior_mean_C = nn.Parameter(torch.zeros(in_dim))
        self.prior_log_precision_C = nn.Parameter(torch.zeros(in_dim))
        self.out_dim = in_dim * (2 if config.deviation else 1)

    def forward(self, x_BTC: torch.Tensor, mask_BT: torch.Tensor | None = None) -> torch.Tensor:
        """Frames (B, T, C) -> (B, C) or (B, 2C): posterior means, then deviations."""
        x_BTC = x_BTC.float()
        x_BTC = zero_padding(x_BTC.mT, mask_BT).mT
        precision_BTC = F.softplus(self.precision(torch.relu(self.hidden(x_BTC))).float())
        precision_BTC = zero_padding(precision_BTC.mT, mask_BT).mT
        prior_C = self.prior_log_precision_C.exp()
        total_BC = precision_BTC.sum(dim=1) + prior_C
        mean_BC = ((precision_BTC * x_BTC).sum(dim=1) + prior_C * self.prior_mean_C) / total_BC
        return torch.cat([mean_BC, total_BC.rsqrt()], dim=1) if self.deviation else mean_BC
