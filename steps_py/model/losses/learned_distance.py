"""A learned distance: a small network that says whether two embeddings are of one speaker.

Shape suffixes: A batch of all processes, E embedding, H hidden; (A, A) are pairs.

Reference: J. Monteiro et al., "An end-to-end approach for the verification problem: learning the
right distance", ICML 2020, equations (4) and (5); public code joaomonteirof/e2e_verification.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from steps_py.model.distances import pairs_of
from steps_py.model.loss import MetricLoss
from steps_py.model.registries import LOSSES
from steps_py.settings.declare import Count


@LOSSES.register("learned_distance")
class LearnedDistance(MetricLoss):
    r"""Cross-entropy of the decision "same speaker" for all pairs of a batch.

    .. math:: L = \tfrac12 \operatorname*{mean}_{y_i = y_j} \log(1 + e^{-z_{ij}})
                + \tfrac12 \operatorname*{mean}_{y_i \ne y_j} \log(1 + e^{z_{ij}})

    z is computed from the concatenated embeddings by `num_layers` hidden layers with leaky ReLUs,
    as the mean over both orders of the two, so that it is symmetric.  The loss of a batch without
    pairs of a speaker is 0.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        hidden_dim: Count = 256
        num_layers: Count = 2

    def __init__(self, config: Config, in_dim: int, num_speakers: int):
        super().__init__()
        self.first = nn.Linear(2 * in_dim, config.hidden_dim)
        layers = []
        for _ in range(config.num_layers - 1):
            layers += [nn.LeakyReLU(0.2), nn.Linear(config.hidden_dim, config.hidden_dim)]
        self.rest = nn.Sequential(*layers, nn.LeakyReLU(0.2), nn.Linear(config.hidden_dim, 1))

    def similarity(self, embedding_AE: torch.Tensor) -> torch.Tensor:
        """z (A, A) of all pairs."""
        weight_HE, other_HE = self.first.weight.chunk(2, dim=1)
        left_AH, right_AH = F.linear(embedding_AE, weight_HE), F.linear(embedding_AE, other_HE)
        hidden_AAH = left_AH[:, None] + right_AH[None, :] + self.first.bias
        z_AA = self.rest(hidden_AAH).squeeze(dim=2)
        return (z_AA + z_AA.T) / 2

    def compare(self, embedding_AE: torch.Tensor, spk_id_A: torch.Tensor) -> torch.Tensor:
        z_AA = self.similarity(embedding_AE)
        positive_AA, negative_AA = pairs_of(spk_id_A)
        near = mean_where(F.softplus(-z_AA), positive_AA)
        far = mean_where(F.softplus(z_AA), negative_AA)
        return (near + far) / 2 * positive_AA.any()


def mean_where(x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Mean of the values of a mask; 0 if there are none.

    >>> mean_where(torch.tensor([1.0, 2.0, 6.0]), torch.tensor([False, True, True]))
    tensor(4.)
    """
    return x.masked_fill(~mask, 0).sum() / mask.sum().clamp(min=1)
