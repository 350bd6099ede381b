"""Softmax of cosines with a margin that shrinks as the cosine grows.

Reference: F. Tong et al., "ASV-Subtools: Open source toolkit for automatic speaker verification",
ICASSP 2021, whose code has the three margins as sm1, sm2 and sm3 (pytorch/libs/nnet/loss.py).
"""

from dataclasses import dataclass
from typing import Literal

import torch

from steps_py.model.margins import CosineSoftmax, MarginConfig
from steps_py.model.registries import LOSSES


@LOSSES.register("soft_margin_softmax")
class SoftMarginSoftmax(CosineSoftmax):
    r"""Cross-entropy of scaled cosines; the margin of the true speaker is 0 at cosine 1.

    .. math:: \psi(c) = c - m (1 - c), \qquad c - m (1 - c^2), \qquad c - m (1 - c)^2

    for the shapes linear, parabolic and squared.  The cosines of the `top_k` nearest wrong speakers
    are raised as in am_softmax.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config(MarginConfig):
        shape: Literal["linear", "parabolic", "squared"] = "linear"

    def with_margin(self, cos: torch.Tensor, margin: float) -> torch.Tensor:
        return cos - margin * SHAPES[self.config.shape](cos)

    def with_penalty(self, cos: torch.Tensor, penalty: float) -> torch.Tensor:
        return cos + penalty


SHAPES = {
    "linear": lambda cos: 1 - cos,
    "parabolic": lambda cos: 1 - cos.square(),
    "squared": lambda cos: (1 - cos).square(),
}
