"""Multi-similarity loss.

Shape suffixes: A batch of all processes, E embedding; the axes of (A, A) are an anchor and
another utterance.

Reference: X. Wang et al., "Multi-similarity loss with general pair weighting for deep metric
learning", CVPR 2019, equation (15).
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F

from steps_py.model.distances import cosine_distance, pairs_of
from steps_py.model.loss import MetricLoss
from steps_py.model.registries import LOSSES
from steps_py.settings.declare import setting


@LOSSES.register("multi_similarity")
class MultiSimilarity(MetricLoss):
    r"""Pairs weighted by their similarity and by those of the other pairs of the anchor.

    .. math:: L_i = \tfrac1\alpha \log\Bigl(1 + \sum_p e^{-\alpha (s_{ip} - \lambda)}\Bigr)
                  + \tfrac1\beta \log\Bigl(1 + \sum_n e^{\beta (s_{in} - \lambda)}\Bigr)

    s are cosines.  The loss is the mean over all utterances of the batch, with all pairs; 0 if
    all utterances are of different speakers.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        positive_scale: float = setting(2.0, "alpha", exclusiveMinimum=0)
        negative_scale: float = setting(50.0, "beta", exclusiveMinimum=0)
        base: float = setting(0.5, "lambda, a cosine")

    def __init__(self, config: Config, in_dim: int, num_speakers: int):
        super().__init__()
        self.config = config

    def compare(self, embedding_AE: torch.Tensor, spk_id_A: torch.Tensor) -> torch.Tensor:
        above_AA = 1 - cosine_distance(embedding_AE) - self.config.base
        positive_AA, negative_AA = pairs_of(spk_id_A)
        pull_A = log_1_plus_sum(-self.config.positive_scale * above_AA, positive_AA)
        push_A = log_1_plus_sum(self.config.negative_scale * above_AA, negative_AA)
        loss_A = pull_A / self.config.positive_scale + push_A / self.config.negative_scale
        return loss_A.mean() * positive_AA.any()


def log_1_plus_sum(x_AA: torch.Tensor, mask_AA: torch.Tensor) -> torch.Tensor:
    """log(1 + sum of exponentials) over the true entries of each row.

    >>> log_1_plus_sum(torch.zeros(1, 3), torch.tensor([[True, True, False]])).exp()
    tensor([3.])
    """
    return F.softplus(x_AA.masked_fill(~mask_AA, -1e9).logsumexp(dim=1))
