"""Ring loss: lengths of embeddings near a learned radius.

Shape suffixes: B batch, E embedding.

Reference: Y. Zheng et al., "Ring loss: Convex feature normalization for face recognition", CVPR
2018, equation (3).
"""

from dataclasses import dataclass

import torch
from torch import nn

from steps_py.model.loss import EmbeddingLoss
from steps_py.model.registries import LOSSES
from steps_py.settings.declare import setting


@LOSSES.register("ring")
class Ring(EmbeddingLoss):
    r"""Half the mean squared difference from the radius, for use beside a classification.

    .. math:: L = \tfrac1{2B} \sum_i (|x_i| - R)^2

    R is learned, unless `learned` is false.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        initial_radius: float = setting(20.0, exclusiveMinimum=0)
        learned: bool = setting(True, "train the radius")

    def __init__(self, config: Config, in_dim: int, num_speakers: int):
        super().__init__()
        radius = torch.tensor(float(config.initial_radius))
        self.radius = nn.Parameter(radius, requires_grad=config.learned)

    def measure(self, embedding_BE: torch.Tensor, spk_id_B: torch.Tensor) -> torch.Tensor:
        return (embedding_BE.norm(dim=1) - self.radius).square() / 2
