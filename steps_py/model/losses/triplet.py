"""Triplet loss, with triplets mined within the batch.

Shape suffixes: A batch of all processes, E embedding; the axes of (A, A, A) are anchor, positive
and negative.

References: F. Schroff et al., "FaceNet: A unified embedding for face recognition and
clustering", CVPR 2015, equations (2) and (4); A. Hermans et al., "In defense of the triplet
loss for person re-identification", arXiv:1703.07737, 2017, equations (5) and (6).
"""

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F

from steps_py.model.distances import DISTANCES, pairs_of
from steps_py.model.loss import MetricLoss
from steps_py.model.registries import LOSSES
from steps_py.settings.declare import setting

Triplets = tuple[torch.Tensor, torch.Tensor, torch.Tensor]  # d_ap, d_an, and where they exist


@LOSSES.register("triplet")
class Triplet(MetricLoss):
    r"""Mean over triplets of :math:`\max(0, d_{ap} - d_{an} + m)`.

    Anchor a and positive p are of one speaker, the negative n of another.  The distance is
    Euclidean, its square, or 1 - cosine, by default of unit vectors.  `mining` selects

    all            every triplet of the batch
    hardest        for each anchor its farthest positive and its nearest negative
    semi_hard      for each anchor and positive the nearest negative that is farther than the
                   positive; if there is none, the farthest negative
    violating      all triplets with a loss above 0
    within_margin  those of them whose negative is farther than the positive
    wrong_order    those of them whose negative is nearer than the positive

    The loss of a batch without triplets is 0.  All but hardest need memory for the cube of the
    batch: 0.5 GB per intermediate result for 512 utterances.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        margin: float = setting(0.3, minimum=0)
        distance: Literal["euclidean", "squared", "cosine"] = "euclidean"
        normalize: bool = setting(True, "compare unit vectors")
        mining: Literal[
            "all", "hardest", "semi_hard", "violating", "within_margin", "wrong_order"
        ] = "all"

    def __init__(self, config: Config, in_dim: int, num_speakers: int):
        super().__init__()
        self.margin, self.normalize = config.margin, config.normalize
        self.distance = DISTANCES[config.distance]
        self.mine = MININGS[config.mining]

    def compare(self, embedding_AE: torch.Tensor, spk_id_A: torch.Tensor) -> torch.Tensor:
        if self.normalize:
            embedding_AE = F.normalize(embedding_AE)
        distance_AA = self.distance(embedding_AE)
        d_ap, d_an, exists = self.mine(distance_AA, *pairs_of(spk_id_A), self.margin)
        loss = F.relu(d_ap - d_an + self.margin).masked_fill(~exists, 0)
        return loss.sum() / exists.sum().clamp(min=1)


def mine_all(
    distance_AA: torch.Tensor,
    positive_AA: torch.Tensor,
    negative_AA: torch.Tensor,
    margin: float,
) -> Triplets:
    """Distances to positives (A, A, 1) and negatives (A, 1, A), and mask of triplets."""
    exists_AAA = positive_AA[:, :, None] & negative_AA[:, None, :]
    return distance_AA[:, :, None], distance_AA[:, None, :], exists_AAA


def mine_hardest(
    distance_AA: torch.Tensor,
    positive_AA: torch.Tensor,
    negative_AA: torch.Tensor,
    margin: float,
) -> Triplets:
    """Distances (A,) to the farthest positive and the nearest negative, and mask of both."""
    d_ap_A = distance_AA.masked_fill(~positive_AA, 0).amax(dim=1)
    d_an_A = distance_AA.masked_fill(~negative_AA, torch.inf).amin(dim=1)
    return d_ap_A, d_an_A, positive_AA.any(dim=1) & negative_AA.any(dim=1)


def mine_semi_hard(
    distance_AA: torch.Tensor,
    positive_AA: torch.Tensor,
    negative_AA: torch.Tensor,
    margin: float,
) -> Triplets:
    """Distances (A, A) to each positive and to its negative, and mask of triplets."""
    farther_AAA = negative_AA[:, None, :] & (distance_AA[:, None, :] > distance_AA[:, :, None])
    nearest_AA = torch.where(farther_AAA, distance_AA[:, None, :], torch.inf).amin(dim=2)
    farthest_A1 = distance_AA.masked_fill(~negative_AA, 0).amax(dim=1, keepdim=True)
    d_an_AA = torch.where(farther_AAA.any(dim=2), nearest_AA, farthest_A1)
    return distance_AA, d_an_AA, positive_AA & negative_AA.any(dim=1, keepdim=True)


def mine_violating(
    distance_AA: torch.Tensor,
    positive_AA: torch.Tensor,
    negative_AA: torch.Tensor,
    margin: float,
) -> Triplets:
    """As mine_all, of triplets whose negative is nearer than positive + margin."""
    d_ap, d_an, exists_AAA = mine_all(distance_AA, positive_AA, negative_AA, margin)
    return d_ap, d_an, exists_AAA & (d_an - d_ap < margin)


def mine_within_margin(
    distance_AA: torch.Tensor,
    positive_AA: torch.Tensor,
    negative_AA: torch.Tensor,
    margin: float,
) -> Triplets:
    """As mine_violating, of triplets whose negative is farther than the positive."""
    d_ap, d_an, exists_AAA = mine_violating(distance_AA, positive_AA, negative_AA, margin)
    return d_ap, d_an, exists_AAA & (d_an > d_ap)


def mine_wrong_order(
    distance_AA: torch.Tensor,
    positive_AA: torch.Tensor,
    negative_AA: torch.Tensor,
    margin: float,
) -> Triplets:
    """As mine_violating, of triplets whose negative is not farther than the positive."""
    d_ap, d_an, exists_AAA = mine_violating(distance_AA, positive_AA, negative_AA, margin)
    return d_ap, d_an, exists_AAA & (d_an <= d_ap)


MININGS = {
    "all": mine_all,
    "hardest": mine_hardest,
    "semi_hard": mine_semi_hard,
    "violating": mine_violating,
    "within_margin": mine_within_margin,
    "wrong_order": mine_wrong_order,
}
