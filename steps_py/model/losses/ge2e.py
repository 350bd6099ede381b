"""Generalised end-to-end loss.

Shape suffixes: A batch of all processes, E embedding; the axes of (A, A) are an utterance and
an utterance of the speaker of a centroid.

Reference: L. Wan et al., "Generalized end-to-end loss for speaker verification", ICASSP 2018,
equations (5) to (9).
"""

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import nn

from steps_py.model.loss import MetricLoss
from steps_py.model.registries import LOSSES
from steps_py.settings.declare import setting


@LOSSES.register("ge2e")
class Ge2e(MetricLoss):
    r"""Each utterance against the centroids of all speakers of the batch.

    .. math:: S_{jk} = w \cos(e_j, c_k) + b, \qquad
              L_\mathrm{softmax} = -S_{jy_j} + \log \sum_k e^{S_{jk}}, \qquad
              L_\mathrm{contrast} = 1 - \sigma(S_{jy_j}) + \max_{k \ne y_j} \sigma(S_{jk})

    The utterance itself is excluded from the centroid of its speaker.  w > 0 and b are learned.
    The loss is the mean over utterances of speakers with two or more in the batch, in any
    order; 0 if there are none.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        variant: Literal["softmax", "contrast"] = "softmax"
        initial_scale: float = 10.0
        initial_offset: float = -5.0
        normalize: bool = setting(True, "centroids are means of unit vectors")
        min_cosine: float = setting(-1.0, "smaller cosines count as this one")

    def __init__(self, config: Config, in_dim: int, num_speakers: int):
        super().__init__()
        self.normalize, self.min_cosine = config.normalize, config.min_cosine
        self.contrast = config.variant == "contrast"
        self.w = nn.Parameter(torch.tensor(float(config.initial_scale)))
        self.b = nn.Parameter(torch.tensor(float(config.initial_offset)))

    def compare(self, embedding_AE: torch.Tensor, spk_id_A: torch.Tensor) -> torch.Tensor:
        same_AA = spk_id_A[:, None] == spk_id_A
        if self.normalize:
            embedding_AE = F.normalize(embedding_AE)
        cos_AA = cosines_to_centroids(embedding_AE, same_AA)
        cos_AA = cos_AA.clamp(min=self.min_cosine)
        similarity_AA = self.w.clamp(min=1e-6) * cos_AA + self.b
        own_A = similarity_AA.diagonal()
        if self.contrast:
            others_A = similarity_AA.sigmoid().masked_fill(same_AA, 0).amax(dim=1)
            loss_A = 1 - own_A.sigmoid() + others_A
        else:  # a speaker with n utterances has n columns, but is counted once
            num_utts_A = same_AA.to(similarity_AA.dtype).sum(dim=0)
            loss_A = (similarity_AA - num_utts_A.log()).logsumexp(dim=1) - own_A
        counts_A = same_AA.sum(dim=1) > 1
        return loss_A.masked_fill(~counts_A, 0).sum() / counts_A.sum().clamp(min=1)


def cosines_to_centroids(x_AE: torch.Tensor, same_AA: torch.Tensor) -> torch.Tensor:
    """Cosine of each utterance with the centroid of the speaker of each.

    >>> x_AE = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    >>> same_AA = torch.tensor([[True, True, False], [True, True, False], [False, False, True]])
    >>> cosines_to_centroids(x_AE, same_AA).round(decimals=4)
    tensor([[ 0.0000,  0.0000,  0.0000],
            [ 0.0000,  0.0000, -1.0000],
            [-0.7071, -0.7071,  0.0000]])
    """
    unit_AE = F.normalize(x_AE)
    sum_AE = same_AA.to(x_AE.dtype) @ x_AE
    centroid_AE = F.normalize(sum_AE)
    without_AE = F.normalize(sum_AE - x_AE)
    own_A1 = (unit_AE * without_AE).sum(dim=1, keepdim=True)
    return torch.where(same_AA, own_A1, unit_AE @ centroid_AE.T)
