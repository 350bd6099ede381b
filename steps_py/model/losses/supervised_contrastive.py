"""Supervised contrastive loss.

Shape suffixes: A batch of all processes, E embedding.

References: P. Khosla et al., "Supervised contrastive learning", NeurIPS 2020, equation (2); T. Chen
et al., "A simple framework for contrastive learning of visual representations", ICML 2020,
equation (1), for the sum over negatives.
"""

from dataclasses import dataclass
from typing import Literal

import torch

from steps_py.model.distances import cosine_distance, pairs_of
from steps_py.model.loss import MetricLoss
from steps_py.model.registries import LOSSES
from steps_py.settings.declare import setting


@LOSSES.register("supervised_contrastive")
class SupervisedContrastive(MetricLoss):
    r"""Each other utterance of the speaker is classified among utterances of the batch.

    .. math:: L_i = -\tfrac1{|P_i|} \sum_{p \in P_i} \log
                    \frac{e^{s_{ip}/\tau}}{\sum_{a \in N_{ip}} e^{s_{ia}/\tau}}

    s are cosines, :math:`P_i` the other utterances of the speaker, and :math:`N_{ip}` all other
    utterances, or p and those of other speakers (`among` is negatives: NT-Xent).  The loss is the
    mean over utterances that have a :math:`P_i`; 0 if none has.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        temperature: float = setting(0.1, "tau", exclusiveMinimum=0)
        among: Literal["all", "negatives"] = "all"

    def __init__(self, config: Config, in_dim: int, num_speakers: int):
        super().__init__()
        self.config = config

    def compare(self, embedding_AE: torch.Tensor, spk_id_A: torch.Tensor) -> torch.Tensor:
        logit_AA = (1 - cosine_distance(embedding_AE)) / self.config.temperature
        positive_AA, negative_AA = pairs_of(spk_id_A)
        others_AA = negative_AA | positive_AA if self.config.among == "all" else negative_AA
        total_A1 = logit_AA.masked_fill(~others_AA, -1e9).logsumexp(dim=1, keepdim=True)
        if self.config.among == "negatives":
            total_A1 = torch.logaddexp(total_A1, logit_AA)
        loss_AA = (total_A1 - logit_AA).masked_fill(~positive_AA, 0)
        num_positives_A = positive_AA.sum(dim=1)
        loss_A = loss_AA.sum(dim=1) / num_positives_A.clamp(min=1)
        return loss_A.sum() / (num_positives_A > 0).sum().clamp(min=1)
