"""Softmax over scaled cosines with a margin: base of AM- and AAM-softmax.

Shape suffixes: B batch, E embedding, S speakers, K sub-centres or nearest speakers.
"""

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import nn

from steps_py.model.cross_entropy import CrossEntropyConfig, cross_entropy
from steps_py.model.loss import Loss
from steps_py.model.precision import at_least_float32
from steps_py.settings.declare import Count, setting


@dataclass(frozen=True, kw_only=True)
class MarginSchedule:
    """Keys of a margin that grows.

    The margin is `initial_margin` until `margin_start_epoch`, grows to `margin` over the next
    `margin_warmup_epochs` epochs, and stays there.
    """

    margin: float = 0.2
    initial_margin: float = 0.0
    margin_start_epoch: float = setting(0.0, minimum=0)
    margin_warmup_epochs: float = setting(0.0, minimum=0)
    margin_growth: Literal["linear", "exponential"] = setting(
        "linear", "exponential: fast at first"
    )


@dataclass(frozen=True, kw_only=True)
class MarginConfig(CrossEntropyConfig, MarginSchedule):
    """Keys of every softmax of cosines with a margin."""

    scale: float = setting(30.0, "factor of the cosines", exclusiveMinimum=0)
    use_length: bool = setting(False, "the length of the embedding is the factor, not `scale`")
    sub_centers: Count = setting(1, "directions per speaker, of which the nearest is used")
    top_k: int = setting(0, "nearest wrong speakers whose cosines are raised", minimum=0)
    top_k_penalty: float = setting(0.06, "margin by which they are raised")
    energy_weight: float = setting(
        0.0, "weight of the hyperspherical energy of the speakers' directions", minimum=0
    )


def margin_progress(config: MarginSchedule, epoch: float) -> float:
    """Fraction of the way from `initial_margin` to `margin` at `epoch`.

    "exponential" is (1 - 0.001^p) / 0.999, where p is the linear progress.

    >>> config = MarginSchedule(margin_start_epoch=20, margin_warmup_epochs=20)
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


def margin_at(config: MarginSchedule, epoch: float) -> float:
    """The margin at `epoch`.

    >>> margin_at(MarginSchedule(margin=0.5, initial_margin=0.2, margin_warmup_epochs=3), 1)
    0.3
    """
    progress = margin_progress(config, epoch)
    return config.initial_margin + progress * (config.margin - config.initial_margin)


def hyperspherical_energy(
    direction_SE: torch.Tensor, spk_id_B: torch.Tensor, weight_B: torch.Tensor | None = None
) -> torch.Tensor:
    r"""Mean of :math:`1/|w_{y_i} - w_j|^2` over utterances i and wrong speakers j.

    The w are unit vectors; the `weight_B` multiply the energies of the utterances.

    W. Liu et al., "Learning towards minimum hyperspherical energy",
    NeurIPS 2018, equation (8) with s = 2.

    >>> hyperspherical_energy(torch.eye(2), torch.tensor([0]))    # 1 / sqrt(2)^2
    tensor(0.5000)
    """
    distance_BS = 2 - 2 * direction_SE[spk_id_B] @ direction_SE.T
    own_BS = F.one_hot(spk_id_B, len(direction_SE)).bool()
    energy_BS = 1 / distance_BS.clamp(min=1e-6).masked_fill(own_BS, torch.inf)
    if weight_B is not None:
        energy_BS = weight_B[:, None] * energy_BS
    return energy_BS.sum() / (energy_BS.shape[0] * max(1, energy_BS.shape[1] - 1))


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

    mixes = True

    def __init__(self, config: MarginConfig, in_dim: int, num_speakers: int):
        super().__init__()
        self.config = config
        self.margin, self.penalty = config.margin, config.top_k_penalty
        # the K sub-centres of a speaker are consecutive rows
        self.weight_SE = nn.Parameter(torch.empty(num_speakers * config.sub_centers, in_dim))
        nn.init.xavier_normal_(self.weight_SE)

    def set_epoch(self, epoch: float) -> None:
        """Set margin and penalty for `epoch`, in epochs since the start of training."""
        self.margin = margin_at(self.config, epoch)
        self.penalty = self.config.top_k_penalty * margin_progress(self.config, epoch)

    def with_margin(self, cos: torch.Tensor, margin: float) -> torch.Tensor:
        """Cosines of true speakers with the margin."""
        raise NotImplementedError

    def with_penalty(self, cos: torch.Tensor, penalty: float) -> torch.Tensor:
        """Cosines of the nearest wrong speakers with the penalty."""
        raise NotImplementedError

    def cosines(self, embedding_BE: torch.Tensor) -> torch.Tensor:
        """Cosines (B, S), at least in float32."""
        cos_BS = F.linear(F.normalize(at_least_float32(embedding_BE)), F.normalize(self.weight_SE))
        if self.config.sub_centers > 1:
            cos_BS = cos_BS.unflatten(1, (-1, self.config.sub_centers)).amax(dim=2)
        return cos_BS

    def forward(
        self,
        embedding_BE: torch.Tensor,
        spk_id_B: torch.Tensor,
        weight_B: torch.Tensor | None = None,
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
            scale = self.config.scale
            if self.config.use_length:
                scale = at_least_float32(embedding_BE).norm(dim=1, keepdim=True)
            loss = cross_entropy(scale * changed_BS, spk_id_B, self.config, weight_B)
            if self.config.energy_weight:
                energy = hyperspherical_energy(F.normalize(self.weight_SE), spk_id_B, weight_B)
                loss = loss + self.config.energy_weight * energy
        return loss, scale * cos_BS
