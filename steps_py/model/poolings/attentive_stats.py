"""Attentive statistics pooling: one weight per frame and channel, with global context.

Shape suffixes: B batch, T frames, C channels, H hidden.

Reference: B. Desplanques et al., "ECAPA-TDNN: Emphasized channel attention, propagation and
aggregation in TDNN based speaker verification", Interspeech 2020, section 3.1, equations (1)
to (4).
"""

from dataclasses import dataclass

import torch
from torch import nn

from steps_py.model.layers.masks import zero_padding
from steps_py.model.layers.norm import MaskedBatchNorm
from steps_py.model.layers.stats import mean_and_deviation, softmax_over_frames
from steps_py.model.registries import POOLINGS
from steps_py.settings.declare import Count, setting


@POOLINGS.register("attentive_stats")
class AttentiveStatsPooling(nn.Module):
    r"""Weighted mean and standard deviation, with weights for each frame and channel.

    .. math:: \alpha_{tc} = \mathrm{softmax}_t \bigl(v_c^\top \tanh(W z_t + b) + k_c\bigr), \qquad
              z_t = [x_t;\, \mu;\, \sigma]

    where :math:`\mu` and :math:`\sigma` are the unweighted statistics of the utterance; without
    `global_context` :math:`z_t = x_t`.  With `hidden_norm`, as in SpeechBrain, ReLU and batch norm
    come before tanh.  Computed in float32, except the affines under autocast.

    >>> pooling = AttentiveStatsPooling(AttentiveStatsPooling.Config(), in_dim=3)
    >>> pooling(torch.zeros(4, 7, 3)).shape
    torch.Size([4, 6])
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        hidden_dim: Count = 128
        global_context: bool = True
        hidden_norm: bool = setting(False, "ReLU and batch norm before tanh")
        variance_floor: float = setting(
            1e-7, exclusiveMinimum=0
        )  # the gradient of its root is finite in half precision

    def __init__(self, config: Config, in_dim: int):
        super().__init__()
        self.variance_floor = config.variance_floor
        self.hidden = nn.Linear(in_dim, config.hidden_dim)
        self.context = None
        if config.global_context:  # the columns of W for mu and sigma, the same for all frames
            self.context = nn.Linear(2 * in_dim, config.hidden_dim, bias=False)
        self.hidden_norm = MaskedBatchNorm(config.hidden_dim) if config.hidden_norm else None
        self.logits = nn.Linear(config.hidden_dim, in_dim)
        self.out_dim = 2 * in_dim

    def forward(self, x_BTC: torch.Tensor, mask_BT: torch.Tensor | None = None) -> torch.Tensor:
        """Frames (B, T, C) -> (B, 2C): means, then deviations."""
        x_BTC = x_BTC.float()
        x_BTC = zero_padding(x_BTC.mT, mask_BT).mT
        hidden_BTH = self.hidden(x_BTC)
        if self.context is not None:
            hidden_BTH = hidden_BTH + self.context(self._mean_and_deviation(x_BTC, mask_BT))
        if self.hidden_norm is not None:
            hidden_BTH = self.hidden_norm(torch.relu(hidden_BTH).mT, mask_BT).mT
        weight_BTC = softmax_over_frames(self.logits(torch.tanh(hidden_BTH)).float(), mask_BT)
        return torch.cat(mean_and_deviation(x_BTC, weight_BTC, self.variance_floor), dim=1)

    def _mean_and_deviation(self, x_BTC, mask_BT):
        """Unweighted statistics (B, 1, 2C) of the real frames."""
        even_BT1 = torch.zeros_like(x_BTC[:, :, :1])
        even_BT1 = softmax_over_frames(even_BT1, mask_BT)
        return torch.cat(mean_and_deviation(x_BTC, even_BT1, self.variance_floor), dim=1)[:, None]
