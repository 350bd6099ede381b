"""Softmax over scaled cosines with a margin: what AM- and AAM-softmax share.

Shape suffixes: B batch, E embedding, S speakers, K sub-centres or nearest speakers.
"""

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import nn

from steps_py.model.loss import Loss
from steps_py.settings.declare import Count, Share, setting


@dataclass(frozen=True, kw_only=True)
class MarginConfig:
    """Keys of every loss with a margin.

    The margin is `initial_margin` until `margin_start_epoch`, grows to `margin` over the next
    `margin_warmup_epochs` epochs, and stays there.
    """

    margin: float = 0.2
    scale: float = setting(30.0, "factor of the cosines", exclusiveMinimum=0)
    initial_margin: float = 0.0
    margin_start_epoch: float = setting(0.0, minimum=0)
    margin_warmup_epochs: float = setting(0.0, minimum=0)
    margin_growth: Literal["linear", "exponential"] = setting(
        "linear", "exponential: most of it early"
    )
    sub_centers: Count = setting(1, "directions of a speaker, of which the nearest counts")
    top_k: int = setting(0, "nearest other speakers whose cosines are raised", minimum=0)
    top_k_penalty: float = setting(0.06, "by this margin")
    label_smoothing: Share = 0.0


def margin_share(config, epoch):
    """Share of the way from `initial_margin` to `margin`, `epoch` epochs into the training.

    "exponential" is (1 - 0.001^p) / 0.999 for the part p of the epochs in which it grows.

    >>> config = MarginConfig(margin_start_epoch=20, margin_warmup_epochs=20)
    >>> [margin_share(config, epoch) for epoch in (0, 20, 25, 40, 99)]
    [0.0, 0.0, 0.25, 1.0, 1.0]
    """
    since = epoch - config.margin_start_epoch
    if since < 0:
        return 0.0
    if since >= config.margin_warmup_epochs:
        return 1.0
    part = since / config.margin_warmup_epochs
    return part if config.margin_growth == "linear" else (1 - 0.001**part) / 0.999


class CosineSoftmax(Loss):
    r"""Cross-entropy of scaled cosines, changed by a margin for the true speaker.

    .. math:: L = -\tfrac1B \sum_i \log \frac{e^{s\,\psi(\cos\theta_{y_i})}}
              {e^{s\,\psi(\cos\theta_{y_i})} + \sum_{j \in N_i} e^{s\,\phi(\cos\theta_j)}
               + \sum_{\text{others}} e^{s\cos\theta_j}}

    with :math:`\psi` and :math:`\phi` = `harder` and `nearer` of a subclass, and :math:`N_i` the
    `top_k` wrong speakers with the largest cosines (M. Zhao et al., "Multi-query multi-head
    attention pooling and inter-topK penalty for speaker verification", ICASSP 2022, section 3).
    With `sub_centers` K each speaker has K directions, and its cosine is the largest of them
    (J. Deng et al., "Sub-center ArcFace", ECCV 2020, section 3).  The penalty grows with the
    margin.  The cosines are those of the x-vector itself, without batch norm in between:
    training measures the same angle as cosine scoring.
    """

    def __init__(self, config, in_dim, num_speakers):
        super().__init__()
        self.config = config
        self.margin, self.penalty = config.margin, config.top_k_penalty
        # with sub-centres, the K rows of a speaker follow each other
        self.weight_SE = nn.Parameter(torch.empty(num_speakers * config.sub_centers, in_dim))
        nn.init.xavier_normal_(self.weight_SE)

    def set_epoch(self, epoch):
        """Set the margin for a moment of training, `epoch` in epochs since its start."""
        config, share = self.config, margin_share(self.config, epoch)
        self.margin = config.initial_margin + share * (config.margin - config.initial_margin)
        self.penalty = config.top_k_penalty * share

    def harder(self, cos, margin):
        """Cosine of the true speaker with its margin."""
        raise NotImplementedError

    def nearer(self, cos, penalty):
        """Cosine of one of the nearest wrong speakers with its penalty."""
        raise NotImplementedError

    def cosines(self, embedding_BE):
        """Cosines (B, S), in float32."""
        cos_BS = F.linear(F.normalize(embedding_BE.float()), F.normalize(self.weight_SE))
        if self.config.sub_centers > 1:
            cos_BS = cos_BS.unflatten(1, (-1, self.config.sub_centers)).amax(dim=2)
        return cos_BS

    def forward(self, embedding_BE, spk_id_B):
        """Mean loss of the batch, and the scaled cosines (B, S) without margin."""
        with torch.autocast(embedding_BE.device.type, enabled=False):
            cos_BS = self.cosines(embedding_BE)
            spk_id_B1 = spk_id_B[:, None]
            target_B1 = cos_BS.gather(1, spk_id_B1)
            changed_BS = cos_BS.scatter(1, spk_id_B1, self.harder(target_B1, self.margin))
            if self.config.top_k:
                wrong_BS = cos_BS.detach().scatter(1, spk_id_B1, -torch.inf)
                top_k = min(self.config.top_k, wrong_BS.shape[1] - 1)
                near_BK = wrong_BS.topk(top_k, dim=1).indices
                penalised_BK = self.nearer(cos_BS.gather(1, near_BK), self.penalty)
                changed_BS = changed_BS.scatter(1, near_BK, penalised_BK)
            loss = F.cross_entropy(
                self.config.scale * changed_BS,
                spk_id_B,
                label_smoothing=self.config.label_smoothing,
            )
        return loss, self.config.scale * cos_BS
