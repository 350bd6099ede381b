"""Additive angular margin softmax.

Shape suffixes: B batch, E embedding, S speakers.

Reference: J. Deng et al., "ArcFace: Additive angular margin loss for deep face
recognition", CVPR 2019, equation (3).
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from steps_py.errors import ConfigError
from steps_py.model.registries import LOSSES


@LOSSES.register("aam_softmax")
class AamSoftmax(nn.Module):
    r"""Cross-entropy of scaled cosines, the angle to the true speaker made wider by a margin.

    .. math:: L = -\tfrac1B \sum_i \log
              \frac{e^{s\,\psi(\theta_{y_i})}}
                   {e^{s\,\psi(\theta_{y_i})} + \sum_{j \ne y_i} e^{s\cos\theta_j}}, \qquad
              \psi(\theta) = \begin{cases} \cos(\theta+m) & \theta + m \le \pi \\
                                          -2 - \cos(\theta+m) & \text{else} \end{cases}

    The second case continues the first without a step in value or slope, so that :math:`\psi`
    falls over the whole of [0, pi]; cos(theta + m) alone would rise again beyond pi - m and
    reward the worst errors.  The cosines are those of the x-vector itself, without batch norm
    in between: training measures the same angle as cosine scoring.

    The margin grows linearly from 0 to `margin` over the first `margin_warmup_epochs` epochs.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        margin: float = 0.2  # radians
        scale: float = 30.0
        margin_warmup_epochs: float = 0.0

        def __post_init__(self):
            if not 0 <= self.margin < math.pi / 2:
                raise ConfigError(
                    f"loss 'aam_softmax': margin is {self.margin} radians."
                    " Choose one from 0 to 1.57; 0.2 is usual."
                )

    def __init__(self, config, in_dim, num_speakers):
        super().__init__()
        self.config = config
        self.margin = config.margin
        self.weight_SE = nn.Parameter(torch.empty(num_speakers, in_dim))
        nn.init.xavier_normal_(self.weight_SE)

    def set_epoch(self, epoch):
        """Set the margin for a moment of training, `epoch` in epochs since its start."""
        warmup = self.config.margin_warmup_epochs
        self.margin = self.config.margin * (min(1.0, epoch / warmup) if warmup else 1.0)

    def forward(self, embedding_BE, spk_id_B):
        """Mean loss of the batch, and the scaled cosines (B, S) without margin."""
        with torch.autocast(embedding_BE.device.type, enabled=False):
            cos_BS = F.linear(F.normalize(embedding_BE.float()), F.normalize(self.weight_SE))
            target_B1 = cos_BS.gather(1, spk_id_B[:, None])
            with_margin_BS = cos_BS.scatter(
                1, spk_id_B[:, None], widen_angle(target_B1, self.margin)
            )
            loss = F.cross_entropy(self.config.scale * with_margin_BS, spk_id_B)
        return loss, self.config.scale * cos_BS


def widen_angle(cos, margin):
    """The psi of AamSoftmax as a function of cos(theta).

    >>> widen_angle(torch.tensor([0.5, -1.0]), math.pi / 6).round(decimals=2)
    tensor([ 0.0000, -1.1300])
    """
    sin = (1 - cos.square()).clamp(min=1e-7).sqrt()  # away from 0, where its slope is infinite
    wide = math.cos(margin) * cos - math.sin(margin) * sin
    return torch.where(cos > -math.cos(margin), wide, -2 - wide)
