"""Contrastive loss of pairs of utterances.

Shape suffixes: A batch of all processes, E embedding.

Reference: R. Hadsell, S. Chopra and Y. LeCun, "Dimensionality reduction by learning an invariant
mapping", CVPR 2006, equation (4), with separate means of the two kinds of pairs.
"""

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F

from steps_py.model.distances import DISTANCES, pairs_of
from steps_py.model.loss import MetricLoss
from steps_py.model.registries import LOSSES
from steps_py.settings.declare import setting


@LOSSES.register("contrastive")
class Contrastive(MetricLoss):
    r"""Pairs of a speaker nearer than a margin, pairs of two speakers farther than another.

    .. math:: L = \mathrm{mean}_{(i,j)\in P} \max(0, d_{ij} - m_+)
                + \mathrm{mean}_{(i,j)\in N} \max(0, m_- - d_{ij})

    The means are over the pairs with a loss above 0.  The distance is Euclidean, its square, or
    1 - cosine, by default of unit vectors.  The loss is 0 if all utterances are of different
    speakers.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        positive_margin: float = setting(0.0, minimum=0)
        negative_margin: float = setting(1.0, minimum=0)
        distance: Literal["euclidean", "squared", "cosine"] = "euclidean"
        normalize: bool = setting(True, "compare unit vectors")

    def __init__(self, config: Config, in_dim: int, num_speakers: int):
        super().__init__()
        self.config = config
        self.distance = DISTANCES[config.distance]

    def compare(self, embedding_AE: torch.Tensor, spk_id_A: torch.Tensor) -> torch.Tensor:
        if self.config.normalize:
            embedding_AE = F.normalize(embedding_AE)
        distance_AA = self.distance(embedding_AE)
        positive_AA, negative_AA = pairs_of(spk_id_A)
        near = mean_above_0(distance_AA - self.config.positive_margin, positive_AA)
        far = mean_above_0(self.config.negative_margin - distance_AA, negative_AA)
        return near + far * positive_AA.any()


def mean_above_0(x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Mean of the values above 0 among those of a mask; 0 if there are none.

    >>> mean_above_0(torch.tensor([-1.0, 2.0, 4.0, 9.0]), torch.tensor([True] * 3 + [False]))
    tensor(3.)
    """
    counts = mask & (x > 0)
    return x.masked_fill(~counts, 0).sum() / counts.sum().clamp(min=1)
