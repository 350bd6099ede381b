"""Lifted structured loss.

Shape suffixes: A batch of all processes, E embedding.

References: H. Oh Song et al., "Deep metric learning via lifted structured feature embedding", CVPR
2016, equation (4); A. Hermans, L. Beyer and B. Leibe, "In defense of the triplet loss for person
re-identification", arXiv:1703.07737, 2017, equation (10), for the generalised form.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F

from steps_py.model.distances import euclidean_distance, pairs_of
from steps_py.model.loss import MetricLoss
from steps_py.model.registries import LOSSES
from steps_py.settings.declare import setting

NONE = -1e9  # of a logarithm: no pair


@LOSSES.register("lifted_structure")
class LiftedStructure(MetricLoss):
    r"""Distances of pairs of a speaker against a soft minimum of all distances to others.

    .. math:: L_{ip} = \tfrac12 \max\Bigl(0,\ d_{ip} + \log\bigl(\sum_{n} e^{m - d_{in}}
                       + \sum_{n} e^{m - d_{pn}}\bigr)\Bigr)^2

    and the mean over all pairs i, p of a speaker; the n are utterances of other speakers.
    `generalised` has, for each utterance that has a pair, a soft maximum instead:

    .. math:: L_i = \max\Bigl(0,\ \log\sum_{p} e^{d_{ip}} + \log\sum_{n} e^{m - d_{in}}\Bigr)

    d is the Euclidean distance of unit vectors.  The loss of a batch without pairs is 0.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        margin: float = setting(1.0, "m", minimum=0)
        generalised: bool = False

    def __init__(self, config: Config, in_dim: int, num_speakers: int):
        super().__init__()
        self.config = config

    def compare(self, embedding_AE: torch.Tensor, spk_id_A: torch.Tensor) -> torch.Tensor:
        distance_AA = euclidean_distance(F.normalize(embedding_AE))
        positive_AA, negative_AA = pairs_of(spk_id_A)
        push_A = (self.config.margin - distance_AA).masked_fill(~negative_AA, NONE).logsumexp(dim=1)
        if self.config.generalised:
            pull_A = distance_AA.masked_fill(~positive_AA, NONE).logsumexp(dim=1)
            has_pair_A = positive_AA.any(dim=1)
            loss_A = F.relu(pull_A + push_A).masked_fill(~has_pair_A, 0)
            return loss_A.sum() / has_pair_A.sum().clamp(min=1)
        push_AA = torch.logaddexp(push_A[:, None], push_A)
        loss_AA = F.relu(distance_AA + push_AA).square().masked_fill(~positive_AA, 0) / 2
        return loss_AA.sum() / positive_AA.sum().clamp(min=1)
