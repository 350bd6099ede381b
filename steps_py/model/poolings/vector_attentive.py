"""Vector-based attentive pooling: each frame has a vector of weights, one per channel.

Shape suffixes: B batch, T frames, C channels, H hidden.

Reference: Y. Wu, C. Guo, H. Gao, X. Hou and J. Xu, "Vector-based attentive pooling for
text-independent speaker verification", Interspeech 2020.
"""

from dataclasses import dataclass

import torch
from torch import nn

from steps_py.model.layers.masks import zero_padding
from steps_py.model.layers.stats import mean_and_deviation, softmax_over_frames
from steps_py.model.registries import POOLINGS
from steps_py.settings.declare import Count, setting


@POOLINGS.register("vector_attentive")
class VectorAttentivePooling(nn.Module):
    r"""Weighted mean of the frames, with `deviation` also the standard deviation.

    .. math:: \alpha_t = \mathrm{softmax}_t \bigl(V \max(0, W x_t + b) + k\bigr), \qquad
              \mu = \sum_t \alpha_t \odot x_t

    with one softmax for each channel.  `attentive_stats` differs in its tanh and its global
    context.  Computed in float32, except the affines under autocast.

    >>> pooling = VectorAttentivePooling(VectorAttentivePooling.Config(), in_dim=3)
    >>> pooling(torch.zeros(4, 7, 3)).shape
    torch.Size([4, 6])
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        hidden_dim: Count = 128
        deviation: bool = True
        variance_floor: float = setting(1e-7, exclusiveMinimum=0)

    def __init__(self, config: Config, in_dim: int):
        super().__init__()
        self.deviation = config.deviation
        self.variance_floor = config.variance_floor
        self.hidden = nn.Linear(in_dim, config.hidden_dim)
        self.logits = nn.Linear(config.hidden_dim, in_dim)
        self.out_dim = in_dim * (2 if config.deviation else 1)

    def forward(self, x_BTC: torch.Tensor, mask_BT: torch.Tensor | None = None) -> torch.Tensor:
        """Frames (B, T, C) -> (B, C) or (B, 2C): means, then deviations."""
        x_BTC = x_BTC.float()
        x_BTC = zero_padding(x_BTC.mT, mask_BT).mT
        logits_BTC = self.logits(torch.relu(self.hidden(x_BTC))).float()
        weight_BTC = softmax_over_frames(logits_BTC, mask_BT)
        stats = mean_and_deviation(x_BTC, weight_BTC, self.variance_floor)
        return torch.cat(stats if self.deviation else stats[:1], dim=1)
