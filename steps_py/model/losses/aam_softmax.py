"""Additive angular margin softmax.

Reference: J. Deng et al., "ArcFace: Additive angular margin loss for deep face
recognition", CVPR 2019, equation (3).
"""

import math
from dataclasses import dataclass
from typing import Literal

import torch

from steps_py.model.margins import CosineSoftmax, MarginConfig
from steps_py.model.registries import LOSSES
from steps_py.settings.declare import setting


@LOSSES.register("aam_softmax")
class AamSoftmax(CosineSoftmax):
    r"""Cross-entropy of scaled cosines, the angle to the true speaker increased by a margin.

    .. math:: \psi(\cos\theta) = \begin{cases} \cos(\theta+m) & \theta + m \le \pi \\
                                               -2 - \cos(\theta+m) & \text{else} \end{cases}
              \qquad \phi(\cos\theta) = \cos\max(\theta - m', 0)

    The second case continues the first with the same value and slope, so that :math:`\psi`
    decreases on all of [0, pi]; cos(theta + m) would increase beyond pi - m and reward the worst
    errors.  `far_angles` selects what other programs use instead where
    :math:`\theta + m > \pi`:

    mirrored   -2 - cos(theta + m), as above
    shifted    cos(theta) - 1 + cos(m), continuous, with a smaller slope (wespeaker)
    arcface    cos(theta) - m sin(m), which increases by a step
    unbounded  cos(theta + m), without a second case
    easy       cos(theta), for all theta above 90 degrees
    """

    @dataclass(frozen=True, kw_only=True)
    class Config(MarginConfig):
        margin: float = setting(
            0.2, "radians; 0.2 is usual", minimum=0, exclusiveMaximum=round(math.pi / 2, 4)
        )
        far_angles: Literal["mirrored", "shifted", "arcface", "unbounded", "easy"] = "mirrored"

    def with_margin(self, cos: torch.Tensor, margin: float) -> torch.Tensor:
        return widen_angle(cos, margin, self.config.far_angles)

    def with_penalty(self, cos: torch.Tensor, penalty: float) -> torch.Tensor:
        return narrow_angle(cos, penalty)


def widen_angle(cos: torch.Tensor, margin: float, far_angles: str = "mirrored") -> torch.Tensor:
    """The psi of AamSoftmax as a function of cos(theta).

    >>> widen_angle(torch.tensor([0.5, -1.0]), math.pi / 6).round(decimals=2)
    tensor([ 0.0000, -1.1300])
    """
    sin = (1 - cos.square()).clamp(min=1e-7).sqrt()  # away from 0, where its slope is infinite
    wide = math.cos(margin) * cos - math.sin(margin) * sin
    limit = 0 if far_angles == "easy" else -math.cos(margin)
    return torch.where(cos > limit, wide, FAR_ANGLES[far_angles](cos, wide, margin))


FAR_ANGLES = {
    "mirrored": lambda cos, wide, margin: -2 - wide,
    "shifted": lambda cos, wide, margin: cos - 1 + math.cos(margin),
    "arcface": lambda cos, wide, margin: cos - margin * math.sin(margin),
    "unbounded": lambda cos, wide, margin: wide,
    "easy": lambda cos, wide, margin: cos,
}


def narrow_angle(cos: torch.Tensor, margin: float) -> torch.Tensor:
    """The phi of AamSoftmax as a function of cos(theta).

    >>> narrow_angle(torch.tensor([0.0, 0.999]), math.pi / 6).round(decimals=2)
    tensor([0.5000, 1.0000])
    """
    sin = (1 - cos.square()).clamp(min=1e-7).sqrt()
    narrow = math.cos(margin) * cos + math.sin(margin) * sin
    return torch.where(cos < math.cos(margin), narrow, 1.0)
