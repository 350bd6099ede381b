"""Softmax cross-entropy after a hidden layer, as in Kaldi's x-vector network.

Shape suffixes: B batch, E embedding, H hidden, S speakers.

Reference: D. Snyder et al., "X-vectors: Robust DNN embeddings for speaker recognition",
ICASSP 2018, table 1 (segment6's ReLU, segment7, softmax).
"""

from dataclasses import dataclass

import torch
from torch import nn

from steps_py.model.cross_entropy import CrossEntropyConfig, cross_entropy
from steps_py.model.encoders.tdnn import BATCH_NORM_EPS
from steps_py.model.layers.norm import MaskedBatchNorm
from steps_py.model.loss import Loss
from steps_py.model.precision import at_least_float32
from steps_py.model.registries import LOSSES
from steps_py.settings.declare import setting


@LOSSES.register("softmax")
class Softmax(Loss):
    r"""ReLU, batch norm, affine (H), ReLU, batch norm, affine (S), cross-entropy.

    The cross-entropy is that of `steps_py.model.cross_entropy`.  With `hidden_dim` 0 the
    affine to the speakers follows the first batch norm; without `activation` there is nothing else.
    """

    mixes = True

    @dataclass(frozen=True, kw_only=True)
    class Config(CrossEntropyConfig):
        hidden_dim: int = setting(512, "0: no hidden layer", minimum=0)
        activation: bool = setting(True, "apply ReLU and batch norm to the embedding first")

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
        self.config = config

    def forward(
        self,
        embedding_BE: torch.Tensor,
        spk_id_B: torch.Tensor,
        weight_B: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean loss of the batch, and logits (B, S)."""
        logits_BS = at_least_float32(self.layers(embedding_BE))
        return cross_entropy(logits_BS, spk_id_B, self.config, weight_B), logits_BS
