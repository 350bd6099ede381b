"""Self-attentive pooling: one weight per frame and head.

Shape suffixes: B batch, T frames, C channels, H heads.

References: Y. Zhu et al., "Self-attentive speaker embeddings for text-independent speaker
verification", Interspeech 2018, section 3.2; with deviations, K. Okabe et al., "Attentive
statistics pooling for deep speaker embedding", Interspeech 2018, equations (1) to (6).
"""

from dataclasses import dataclass

import torch
from torch import nn

from steps_py.model.layers.masks import zero_padding
from steps_py.model.layers.stats import mean_and_deviation, softmax_over_frames
from steps_py.model.registries import POOLINGS
from steps_py.settings.declare import Count, setting


@POOLINGS.register("self_attentive")
class SelfAttentivePooling(nn.Module):
    r"""Weighted mean of the frames per head, with `deviation` also the standard deviation.

    .. math:: \alpha_{th} = \mathrm{softmax}_t \bigl(v_h^\top \tanh(W x_t + b) + k_h\bigr), \qquad
              \mu_h = \sum_t \alpha_{th} x_t, \qquad
              \sigma_h = \sqrt{\sum_t \alpha_{th} (x_t - \mu_h)^2}

    Computed in float32, except the affines under autocast.

    >>> pooling = SelfAttentivePooling(SelfAttentivePooling.Config(num_heads=2), in_dim=3)
    >>> pooling(torch.zeros(4, 7, 3)).shape
    torch.Size([4, 6])
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        hidden_dim: Count = 128
        num_heads: Count = 1
        deviation: bool = False
        variance_floor: float = setting(1e-10, exclusiveMinimum=0)

    def __init__(self, config: Config, in_dim: int):
        super().__init__()
        self.deviation = config.deviation
        self.variance_floor = config.variance_floor
        self.hidden = nn.Linear(in_dim, config.hidden_dim)
        self.logits = nn.Linear(config.hidden_dim, config.num_heads)
        self.out_dim = in_dim * config.num_heads * (2 if config.deviation else 1)

    def forward(self, x_BTC: torch.Tensor, mask_BT: torch.Tensor | None = None) -> torch.Tensor:
        """Frames (B, T, C) -> (B, H C): means of the heads, then deviations."""
        x_BTC = x_BTC.float()
        x_BTC = zero_padding(x_BTC.mT, mask_BT).mT
        logits_BTH = self.logits(torch.tanh(self.hidden(x_BTC))).float()
        weight_BTH = softmax_over_frames(logits_BTH, mask_BT)
        if not self.deviation:
            return (weight_BTH.mT @ x_BTC).flatten(1)
        heads = [
            mean_and_deviation(x_BTC, weight_BT1, self.variance_floor)
            for weight_BT1 in weight_BTH.split(1, dim=2)
        ]
        return torch.cat([mean for mean, _ in heads] + [deviation for _, deviation in heads], dim=1)
