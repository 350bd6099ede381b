"""Prototypical loss.

Shape suffixes: A batch of all processes, E embedding; the axes of (A, A) are a query and an
utterance of the speaker of a prototype.

References: J. Snell, K. Swersky and R. Zemel, "Prototypical networks for few-shot learning",
NeurIPS 2017, equations (1) and (2); for speakers, J. Wang et al., "Centroid-based deep metric
learning for speaker recognition", ICASSP 2019.
"""

from dataclasses import dataclass

import torch

from steps_py.model.loss import MetricLoss
from steps_py.model.losses.angular_prototypical import query_and_support
from steps_py.model.registries import LOSSES

SHIFT = 1e-6  # of a difference, so that its length has a slope


@LOSSES.register("prototypical")
class Prototypical(MetricLoss):
    r"""One query of each speaker against the prototypes of all speakers of the batch.

    .. math:: S_{jk} = -|q_j - c_k|^2, \qquad L = -\tfrac1N \sum_j \log \mathrm{softmax}(S_j)_j

    The query is the first utterance of a speaker in the batch, the prototype the mean of its
    others.  Speakers with one utterance are ignored; if there are no others the loss is 0.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        pass

    def __init__(self, config: Config, in_dim: int, num_speakers: int):
        super().__init__()

    def compare(self, embedding_AE: torch.Tensor, spk_id_A: torch.Tensor) -> torch.Tensor:
        is_query_A, support_AA = query_and_support(spk_id_A)
        counts_A = is_query_A & support_AA.any(dim=1)
        support_AA = support_AA.to(embedding_AE.dtype)
        num_A1 = support_AA.sum(dim=1, keepdim=True).clamp(min=1)
        prototype_AE = support_AA @ embedding_AE / num_A1
        distance_AA = torch.cdist(
            embedding_AE + SHIFT, prototype_AE, compute_mode="donot_use_mm_for_euclid_dist"
        )
        # not -inf, so that rows without any query stay finite
        log_p_AA = (-distance_AA.square()).masked_fill(~counts_A, -1e9).log_softmax(dim=1)
        loss_A = -log_p_AA.diagonal().masked_fill(~counts_A, 0)
        return loss_A.sum() / counts_A.sum().clamp(min=1)
