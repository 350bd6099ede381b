"""Multi-head attention pooling: the channels are split into heads, each with its own weights.

Shape suffixes: B batch, T frames, C channels.

References: M. India, P. Safari and J. Hernando, "Self multi-head attention for speaker
recognition", Interspeech 2019, section 3; with deviations and weights per channel, M. Zhao et
al., "Multi-query multi-head attention pooling and inter-topK penalty for speaker verification",
ICASSP 2022, section 2.
"""

from dataclasses import dataclass

import torch
from torch import nn

from steps_py.errors import ConfigError
from steps_py.model.layers.masks import zero_padding
from steps_py.model.layers.stats import mean_and_deviation, softmax_over_frames
from steps_py.model.registries import POOLINGS
from steps_py.settings.declare import Count, setting


@POOLINGS.register("multi_head")
class MultiHeadPooling(nn.Module):
    r"""Weighted mean of each head's channels, with `deviation` also the standard deviation.

    .. math:: \alpha_{th} = \mathrm{softmax}_t \bigl(V_h \tanh(W_h x_{th} + b_h) + k_h\bigr)

    where :math:`x_{th}` are the channels of head h.  With `shared`, a frame has one weight per
    head, else one per channel; with `hidden_dim` 0 the logits are :math:`V_h x_{th} + k_h`.  The
    channels are split as evenly as possible.  Computed in float32, except the affines under
    autocast.

    >>> pooling = MultiHeadPooling(MultiHeadPooling.Config(num_heads=2), in_dim=6)
    >>> pooling(torch.zeros(4, 7, 6)).shape
    torch.Size([4, 12])
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        num_heads: Count = 4
        hidden_dim: int = setting(64, "of each head; 0: no hidden layer", minimum=0)
        shared: bool = setting(True, "all channels of a head have the same weights")
        deviation: bool = True
        variance_floor: float = setting(1e-7, exclusiveMinimum=0)

    def __init__(self, config: Config, in_dim: int):
        super().__init__()
        self.head_dims = split_evenly(in_dim, config.num_heads)
        self.deviation = config.deviation
        self.variance_floor = config.variance_floor
        self.heads = nn.ModuleList(_logits_of(dim, config) for dim in self.head_dims)
        self.out_dim = in_dim * (2 if config.deviation else 1)

    def forward(self, x_BTC: torch.Tensor, mask_BT: torch.Tensor | None = None) -> torch.Tensor:
        """Frames (B, T, C) -> (B, C) or (B, 2C): means of the heads, then deviations."""
        x_BTC = x_BTC.float()
        x_BTC = zero_padding(x_BTC.mT, mask_BT).mT
        means, deviations = [], []
        for logits, x in zip(self.heads, x_BTC.split(self.head_dims, dim=2), strict=True):
            weight = softmax_over_frames(logits(x).float(), mask_BT)
            mean, deviation = mean_and_deviation(x, weight, self.variance_floor)
            means.append(mean)
            deviations.append(deviation)
        return torch.cat(means + deviations if self.deviation else means, dim=1)


def _logits_of(dim, config):
    out_dim = 1 if config.shared else dim
    if config.hidden_dim == 0:
        return nn.Linear(dim, out_dim)
    hidden = nn.Linear(dim, config.hidden_dim)
    return nn.Sequential(hidden, nn.Tanh(), nn.Linear(config.hidden_dim, out_dim))


def split_evenly(dim: int, num_parts: int) -> list[int]:
    """Sizes of the parts, which differ by one at most; ConfigError if there are too many.

    >>> split_evenly(8, 3)
    [3, 3, 2]
    """
    if num_parts > dim:
        raise ConfigError(
            f"pooling: num_heads is {num_parts}, but the encoder has {dim} channels. Reduce it."
        )
    return [dim // num_parts + (part < dim % num_parts) for part in range(num_parts)]
