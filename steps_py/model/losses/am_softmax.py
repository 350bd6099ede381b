"""Additive margin softmax.

References: F. Wang et al., "Additive margin softmax for face verification", IEEE Signal
Processing Letters 25, 2018, equation (5); H. Wang et al., "CosFace", CVPR 2018, equation (4).
"""

from dataclasses import dataclass

import torch

from steps_py.model.margins import CosineSoftmax, MarginConfig
from steps_py.model.registries import LOSSES
from steps_py.settings.declare import setting


@LOSSES.register("am_softmax")
class AmSoftmax(CosineSoftmax):
    r"""Cross-entropy of scaled cosines, that of the true speaker decreased by a margin.

    .. math:: \psi(\cos\theta) = \cos\theta - m \qquad \phi(\cos\theta) = \cos\theta + m'
    """

    @dataclass(frozen=True, kw_only=True)
    class Config(MarginConfig):
        margin: float = setting(0.2, "subtracted from the cosine")

    def with_margin(self, cos: torch.Tensor, margin: float) -> torch.Tensor:
        return cos - margin

    def with_penalty(self, cos: torch.Tensor, penalty: float) -> torch.Tensor:
        return cos + penalty
