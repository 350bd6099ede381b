"""Softmax of length-normalised embeddings with a margin on the logit and a learned scale.

Shape suffixes: B batch, E embedding, S speakers.

Reference: M. Hajibabaei and D. Dai, "Unified hypersphere embedding for speaker recognition",
arXiv:1807.08312, 2018.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from steps_py.model.cross_entropy import CrossEntropyConfig, cross_entropy
from steps_py.model.loss import Loss
from steps_py.model.precision import at_least_float32
from steps_py.model.registries import LOSSES


@LOSSES.register("logistic_margin")
class LogisticMargin(Loss):
    r"""Cross-entropy of logits of the normalised embedding, with a margin for the true speaker.

    .. math:: z_{is} = a_s \Bigl(w_s^\top \frac{x_i}{\|x_i\|} + b_s\Bigr) + c_s, \qquad
              L = -\tfrac1B \sum_i \log \mathrm{softmax}\bigl(z_i - m\,[s = y_i]\bigr)_{y_i}

    Scale a, bias b and offset c are learned per speaker; a starts at `scale`.  With
    `normalize_weights` the w are unit vectors and there is no b: the paper's AM-softmax, where
    `scale` is 100 and `logit_margin` 50.
    """

    mixes = True

    @dataclass(frozen=True, kw_only=True)
    class Config(CrossEntropyConfig):
        logit_margin: float = 30.0
        scale: float = 50.0
        normalize_weights: bool = False

    def __init__(self, config: Config, in_dim: int, num_speakers: int):
        super().__init__()
        self.config = config
        self.weight_SE = nn.Parameter(torch.empty(num_speakers, in_dim))
        bound = (3 / in_dim) ** 0.5  # Caffe's "xavier"
        nn.init.uniform_(self.weight_SE, -bound, bound)
        if not config.normalize_weights:
            self.bias_S = nn.Parameter(torch.zeros(num_speakers))
        self.scale_S = nn.Parameter(torch.full((num_speakers,), float(config.scale)))
        self.offset_S = nn.Parameter(torch.zeros(num_speakers))

    def forward(
        self,
        embedding_BE: torch.Tensor,
        spk_id_B: torch.Tensor,
        weight_B: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean loss of the batch, and logits (B, S) without margin."""
        with torch.autocast(embedding_BE.device.type, enabled=False):
            direction_BE = F.normalize(at_least_float32(embedding_BE))
            if self.config.normalize_weights:
                z_BS = F.linear(direction_BE, F.normalize(self.weight_SE))
            else:
                z_BS = F.linear(direction_BE, self.weight_SE, self.bias_S)
            logits_BS = self.scale_S * z_BS + self.offset_S
            margin_BS = self.config.logit_margin * F.one_hot(spk_id_B, logits_BS.shape[1])
            loss = cross_entropy(logits_BS - margin_BS, spk_id_B, self.config, weight_B)
        return loss, logits_BS
