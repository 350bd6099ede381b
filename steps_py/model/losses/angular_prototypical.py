"""Angular prototypical loss.

Shape suffixes: A batch of all processes, E embedding; the axes of (A, A) are a query and an
utterance of the speaker of a prototype.

Reference: J. S. Chung et al., "In defence of metric learning for speaker recognition",
Interspeech 2020, section 2.2, equations (8) to (10).
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from steps_py.model.loss import MetricLoss
from steps_py.model.registries import LOSSES


@LOSSES.register("angular_prototypical")
class AngularPrototypical(MetricLoss):
    r"""One query of each speaker against the prototypes of all speakers of the batch.

    .. math:: S_{jk} = w \cos(q_j, c_k) + b, \qquad
              L = -\tfrac1N \sum_j \log \mathrm{softmax}(S_j)_j

    The query is the first utterance of a speaker in the batch, the prototype the mean of its
    others.  w > 0 and b are learned.  Speakers with one utterance are ignored; if there are
    no others the loss is 0.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        initial_scale: float = 10.0
        initial_offset: float = -5.0

    def __init__(self, config: Config, in_dim: int, num_speakers: int):
        super().__init__()
        self.w = nn.Parameter(torch.tensor(float(config.initial_scale)))
        self.b = nn.Parameter(torch.tensor(float(config.initial_offset)))

    def compare(self, embedding_AE: torch.Tensor, spk_id_A: torch.Tensor) -> torch.Tensor:
        is_query_A, support_AA = query_and_support(spk_id_A)
        counts_A = is_query_A & support_AA.any(dim=1)
        # normalised, the sum of the others equals their mean
        prototype_AE = F.normalize(support_AA.to(embedding_AE.dtype) @ embedding_AE)
        cos_AA = F.normalize(embedding_AE) @ prototype_AE.T
        similarity_AA = self.w.clamp(min=1e-6) * cos_AA + self.b
        # not -inf, so that rows without any query stay finite
        log_p_AA = similarity_AA.masked_fill(~counts_A, -1e9).log_softmax(dim=1)
        loss_A = -log_p_AA.diagonal().masked_fill(~counts_A, 0)
        return loss_A.sum() / counts_A.sum().clamp(min=1)


def query_and_support(spk_id_A: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Which utterances (A,) are queries, and which (A, A) make up the prototypes.

    >>> is_query_A, support_AA = query_and_support(torch.tensor([5, 5, 8]))
    >>> is_query_A.tolist(), support_AA[0].tolist()
    ([True, False, True], [False, True, False])
    """
    same_AA = spk_id_A[:, None] == spk_id_A
    is_query_A = ~same_AA.tril(diagonal=-1).any(dim=1)
    return is_query_A, same_AA & ~is_query_A
