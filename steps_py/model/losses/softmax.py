"""Softmax cross-entropy after a hidden layer, as in Kaldi's x-vector network.

Shape suffixes: B batch, E embedding, H hidden, S speakers.

Reference: D. Snyder et al., "X-vectors: Robust DNN embeddings for speaker recognition",
ICASSP 2018, table 1 (segment6's ReLU, segment7, softmax).
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from steps_py.model.encoders.tdnn import BATCH_NORM_EPS
from steps_py.model.layers.norm import MaskedBatchNorm
from steps_py.model.loss import Loss
from steps_py.model.registries import LOSSES
from steps_py.settings.declare import Share, setting


@LOSSES.register("softmax")
class Softmax(Loss):
    r"""ReLU, batch norm, affine (H), ReLU, batch norm, affine (S), cross-entropy.

    .. math:: L = -\tfrac1B \sum_i \sum_s q_{is} \log\mathrm{softmax}(z_i)_s, \qquad
              q_{is} = (1-\varepsilon)\,[s = y_i] + \varepsilon / S

    with :math:`\varepsilon` = `label_smoothing`.  With `hidden_dim` 0 the affine to the speakers
    follows the first batch norm; without `activation` there is nothing else.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        hidden_dim: int = setting(512, "0: no hidden layer", minimum=0)
        activation: bool = setting(True, "apply ReLU and batch norm to the embedding first")
        label_smoothing: Share = 0.0

    def __init__(self, config: Config, in_dim: int, num_speakers: int):
        super().__init__()
        layers = []
        if config.activation:
            layers += [nn.ReLU(), MaskedBatchNorm(in_dim, eps=BATCH_NORM_EPS, affine=False)]
        if config.hidden_dim:
            layers += [
                nn.Linear(in_dim, config.hidden_dim),
                nn.ReLU(),
                MaskedBatchNorm(config.hidden_dim, eps=BATCH_NORM_EPS, affine=False),
            ]
        self.layers = nn.Sequential(*layers, nn.Linear(config.hidden_dim or in_dim, num_speakers))
        self.label_smoothing = config.label_smoothing

    def forward(
        self, embedding_BE: torch.Tensor, spk_id_B: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean loss of the batch, and logits (B, S)."""
        logits_BS = self.layers(embedding_BE).float()
        loss = F.cross_entropy(logits_BS, spk_id_B, label_smoothing=self.label_smoothing)
        return loss, logits_BS
