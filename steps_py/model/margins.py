"""Softmax over scaled cosines with a margin: base of AM- and AAM-softmax.

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
        "linear", "exponential: fast at first"
    )
    sub_centers: Count = setting(1, "directions per speaker, of which the nearest is used")
    top_k: int = setting(0, "nearest wrong speakers whose cosines are raised", minimum=0)
    top_k_penalty: float = setting(0.06, "margin by which they are raised")
    label_smoothing: Share = 0.0


def margin_progress(config: MarginConfig, epoch: float) -> float:
    """Fraction of the way from `initial_margin` to `margin` at `epoch`.

    "exponential" is (1 - 0.001^p) / 0.999, where p is the linear progress.

    >>> config = MarginConfig(margin_start_epoch=20, margin_warmup_epochs=20)
    >>> [margin_progress(config, epoch) for epoch in (0, 20, 25, 40, 99)]
    [0.0, 0.0, 0.25, 1.0, 1.0]
    """
    since = epoch - config.margin_start_epoch
    if since < 0:
        return 0.0
    if since >= config.margin_warmup_epochs:
        return 1.0
    linear = since / config.margin_warmup_epochs
    return linear if config.margin_growth == "linear" else (1 - 0.001**linear) / 0.999


class CosineSoftmax(Loss):
    r"""Cross-entropy of scaled cosines, changed by a margin for the true speaker.

    .. math:: L = -\tfrac1B \sum_i \log \frac{e^{s\,\psi(\cos\theta_{y_i})}}
              {e^{s\,\psi(\cos\theta_{y_i})} + \sum_{j \in N_i} e^{s\,\phi(\cos\theta_j)}
               + \sum_{\text{others}} e^{s\cos\theta_j}}

    with :math:`\psi` and :math:`\phi` = `with_margin` and `with_penalty` of a subclass, and
    :math:`N_i` the `top_k` wrong speakers with the largest cosines (M. Zhao et al., "Multi-query
    multi-head attention pooling and inter-topK penalty for speaker verification", ICASSP 2022,
    section 3).
    With `sub_centers` K each speaker has K directions, and its cosine is the largest of them
    (J. Deng et al., "Sub-center ArcFace", ECCV 2020, section 3).  The penalty grows with the
    margin.  The cosines are those of the x-vector itself, without batch norm in between:
    training optimises the angle that cosine scoring measures.
    """

    def __init__(self, config: MarginConfig, in_dim: int, num_speakers: int):
        super().__init__()
        self.config = config
        self.margin, self.penalty = config.margin, config.top_k_penalty
        # the K sub-centres of a speaker are consecutive rows
        self.weight_SE = nn.Parameter(torch.empty(num_speakers * config.sub_centers, in_dim))
        nn.init.xavier_normal_(self.weight_SE)

    def set_epoch(self, epoch: float) -> None:
        """Set margin and penalty for `epoch`, in epochs since the start of training."""
        config, progress = self.config, margin_progress(self.config, epoch)
        self.margin = config.initial_margin + progress * (config.margin - config.initial_margin)
        self.penalty = config.top_k_penalty * progress

    def with_margin(self, cos: torch.Tensor, margin: float) -> torch.Tensor:
        """Cosines of true speakers with the margin."""
        raise NotImplementedError

    def with_penalty(self, cos: torch.Tensor, penalty: float) -> torch.Tensor:
        """Cosines of the nearest wrong speakers with the penalty."""
        raise NotImplementedError

    def cosines(self, embedding_BE: torch.Tensor) -> torch.Tensor:
        """Cosines (B, S), in float32."""
        cos_BS = F.linear(F.normalize(embedding_BE.float()), F.normalize(self.weight_SE))
        if self.config.sub_centers > 1:
            cos_BS = cos_BS.unflatten(1, (-1, self.config.sub_centers)).amax(dim=2)
        return cos_BS

    def forward(
        self, embedding_BE: torch.Tensor, spk_id_B: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean loss of the batch, and the scaled cosines (B, S) without margin."""
        with torch.autocast(embedding_BE.device.type, enabled=False):
            cos_BS = self.cosines(embedding_BE)
            spk_id_B1 = spk_id_B[:, None]
            target_B1 = cos_BS.gather(1, spk_id_B1)
            changed_BS = cos_BS.scatter(1, spk_id_B1, self.with_margin(target_B1, self.margin))
            if self.config.top_k:
                wrong_BS = cos_BS.detach().scatter(1, spk_id_B1, -torch.inf)
                top_k = min(self.config.top_k, wrong_BS.shape[1] - 1)
                near_BK = wrong_BS.topk(top_k, dim=1).indices
                penalised_BK = self.with_penalty(cos_BS.gather(1, near_BK), self.penalty)
                changed_BS = changed_BS.scatter(1, near_BK, penalised_BK)
            loss = F.cross_entropy(
                self.config.scale * changed_BS,
                spk_id_B,
                label_smoothing=self.config.label_smoothing,
            )
        return loss, self.config.scale * cos_BS
