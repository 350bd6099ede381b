"""Centre loss: distance of each embedding from the centre of its speaker.

Shape suffixes: B batch, E embedding, S speakers.

Reference: Y. Wen et al., "A discriminative feature learning approach for deep face recognition",
ECCV 2016, equation (2).
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from steps_py.model.loss import EmbeddingLoss
from steps_py.model.registries import LOSSES
from steps_py.settings.declare import setting


@LOSSES.register("center")
class Center(EmbeddingLoss):
    r"""Mean squared distance from learned centres, for use beside a classification.

    .. math:: L = \tfrac1B \sum_i |x_i - c_{y_i}|^2

    without the paper's factor 1/2, and with the gradient of L for the centres.  Without
    `squared` it is the mean distance.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        squared: bool = setting(True, "the squared distance")

    def __init__(self, config: Config, in_dim: int, num_speakers: int):
        super().__init__()
        self.squared = config.squared
        self.center_SE = nn.Parameter(torch.randn(num_speakers, in_dim))

    def measure(self, embedding_BE: torch.Tensor, spk_id_B: torch.Tensor) -> torch.Tensor:
        center_BE = self.center_SE[spk_id_B]
        if self.squared:
            return (embedding_BE - center_BE).square().sum(dim=1)
        return F.pairwise_distance(center_BE, embedding_BE)
