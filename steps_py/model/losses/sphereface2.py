"""SphereFace2: one binary classification per speaker.

Shape suffixes: B batch, E embedding, S speakers.

References: Y. Wen et al., "SphereFace2: Binary classification is all you need for deep face
recognition", ICLR 2022, equations (6) and (7); B. Han et al., "Exploring binary classification
loss for speaker verification", ICASSP 2023, equations (3) to (6).
"""

import math
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import nn

from steps_py.model.loss import Loss, weighted_mean
from steps_py.model.losses.aam_softmax import widen_angle
from steps_py.model.margins import MarginSchedule, margin_at
from steps_py.model.precision import at_least_float32
from steps_py.model.registries import LOSSES
from steps_py.settings.declare import Share, setting


@LOSSES.register("sphereface2")
class Sphereface2(Loss):
    r"""Logistic losses of the true speaker and of all others.

    .. math:: L = \tfrac1B \sum_i \Bigl[\lambda \log\bigl(1 + e^{-s(g(\cos\theta_{y_i}) - m) - b}
              \bigr) + (1 - \lambda) \sum_{j \ne y_i} \log\bigl(1 + e^{s(g(\cos\theta_j) + m) + b}
              \bigr)\Bigr], \qquad g(z) = 2 \Bigl(\frac{z + 1}2\Bigr)^t - 1

    b is learned.  With `margin_type` "angle" the margin is in the angles instead:
    :math:`g(\cos(\theta_{y_i} + m))` and :math:`g(\cos(\theta_j - m))`.
    """

    mixes = True

    @dataclass(frozen=True, kw_only=True)
    class Config(MarginSchedule):
        scale: float = setting(32.0, "factor of the cosines", exclusiveMinimum=0)
        margin_type: Literal["cosine", "angle"] = "cosine"
        positive_weight: Share = setting(0.7, "lambda")
        exponent: float = setting(3.0, "t; 1 keeps the cosines", minimum=1)
        initial_offset: float = setting(0.0, "b")

    def __init__(self, config: Config, in_dim: int, num_speakers: int):
        super().__init__()
        self.config, self.margin = config, config.margin
        self.weight_SE = nn.Parameter(torch.empty(num_speakers, in_dim))
        nn.init.xavier_normal_(self.weight_SE)
        self.offset = nn.Parameter(torch.tensor(float(config.initial_offset)))

    def set_epoch(self, epoch: float) -> None:
        """Set the margin for `epoch`, in epochs since the start of training."""
        self.margin = margin_at(self.config, epoch)

    def forward(
        self,
        embedding_BE: torch.Tensor,
        spk_id_B: torch.Tensor,
        weight_B: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean loss of the batch, and the scaled cosines (B, S) without margin."""
        config = self.config
        with torch.autocast(embedding_BE.device.type, enabled=False):
            direction_BE = F.normalize(at_least_float32(embedding_BE))
            cos_BS = F.linear(direction_BE, F.normalize(self.weight_SE))
            own_BS = F.one_hot(spk_id_B, cos_BS.shape[1]).bool()
            if config.margin_type == "cosine":
                near_BS = adjust(cos_BS, config.exponent) - self.margin
                far_BS = adjust(cos_BS, config.exponent) + self.margin
            else:
                near_BS = adjust(widen_angle(cos_BS, self.margin, "shifted"), config.exponent)
                far_BS = adjust(rotate_nearer(cos_BS, self.margin), config.exponent)
            positive_BS = F.softplus(-config.scale * near_BS - self.offset)
            negative_BS = F.softplus(config.scale * far_BS + self.offset)
            loss_BS = torch.where(
                own_BS,
                config.positive_weight * positive_BS,
                (1 - config.positive_weight) * negative_BS,
            )
        return weighted_mean(loss_BS.sum(dim=1), weight_B), config.scale * cos_BS


def adjust(cos: torch.Tensor, exponent: float) -> torch.Tensor:
    """The g of Sphereface2, which spreads large cosines.

    >>> adjust(torch.tensor([-1.0, 0.0, 1.0]), 3)
    tensor([-1.0000, -0.7500,  1.0000])
    """
    share = (cos + 1) / 2  # below 0 for the largest angles with a margin
    return 2 * share.sign() * share.abs().pow(exponent) - 1


def rotate_nearer(cos: torch.Tensor, margin: float) -> torch.Tensor:
    """cos(theta - margin) as a function of cos(theta).

    >>> rotate_nearer(torch.tensor([0.0]), math.pi / 6).round(decimals=2)
    tensor([0.5000])
    """
    sin = (1 - cos.square()).clamp(min=1e-12).sqrt()
    return math.cos(margin) * cos + math.sin(margin) * sin
