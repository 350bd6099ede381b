"""A-softmax: the angle to the true speaker multiplied by an integer.

Shape suffixes: B batch, E embedding, S speakers.

Reference: W. Liu et al., "SphereFace: Deep hypersphere embedding for face recognition", CVPR
2017, equations (7) and (8); the annealing is that of W. Liu et al., "Large-margin softmax loss
for convolutional neural networks", ICML 2016, section 5.1.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from steps_py.model.cross_entropy import CrossEntropyConfig, cross_entropy
from steps_py.model.loss import Loss
from steps_py.model.precision import at_least_float32
from steps_py.model.registries import LOSSES
from steps_py.settings.declare import setting


@LOSSES.register("a_softmax")
class ASoftmax(Loss):
    r"""Cross-entropy of the cosines times the length of the embedding.

    .. math:: \psi(\theta) = (-1)^k \cos(m\theta) - 2k, \quad
              \theta \in \Bigl[\tfrac{k\pi}m, \tfrac{(k+1)\pi}m\Bigr], \qquad
              z_{y_i} = |x_i|\,\frac{\lambda\cos\theta_{y_i} + \psi(\theta_{y_i})}{1 + \lambda},
              \qquad z_j = |x_i| \cos\theta_j

    :math:`\lambda = \max(\lambda_\min, \lambda_0 / (1 + r e))` at epoch e, so that training
    starts near the softmax of cosines.  Without `use_length` the |x| are 1.
    """

    mixes = True

    @dataclass(frozen=True, kw_only=True)
    class Config(CrossEntropyConfig):
        multiplier: int = setting(4, "m; 1 is no margin", minimum=1)
        initial_lambda: float = setting(1000.0, "share of the plain cosine", minimum=0)
        min_lambda: float = setting(5.0, minimum=0)
        lambda_rate: float = setting(100.0, "r, per epoch", minimum=0)
        use_length: bool = setting(True, "multiply cosines by the length of the embedding")

    def __init__(self, config: Config, in_dim: int, num_speakers: int):
        super().__init__()
        self.config = config
        self.weight_SE = nn.Parameter(torch.empty(num_speakers, in_dim))
        nn.init.xavier_normal_(self.weight_SE)
        self.set_epoch(0)

    def set_epoch(self, epoch: float) -> None:
        """Set lambda for `epoch`, in epochs since the start of training."""
        annealed = self.config.initial_lambda / (1 + self.config.lambda_rate * epoch)
        self.lambda_ = max(self.config.min_lambda, annealed)

    def forward(
        self,
        embedding_BE: torch.Tensor,
        spk_id_B: torch.Tensor,
        weight_B: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean loss of the batch, and logits (B, S) without margin."""
        with torch.autocast(embedding_BE.device.type, enabled=False):
            embedding_BE = at_least_float32(embedding_BE)
            cos_BS = F.linear(F.normalize(embedding_BE), F.normalize(self.weight_SE))
            cos_B1 = cos_BS.gather(1, spk_id_B[:, None])
            psi_B1 = multiply_angle(cos_B1, self.config.multiplier)
            target_B1 = cos_B1 + (psi_B1 - cos_B1) / (1 + self.lambda_)
            changed_BS = cos_BS.scatter(1, spk_id_B[:, None], target_B1)
            if self.config.use_length:
                length_B1 = embedding_BE.norm(dim=1, keepdim=True)
                cos_BS, changed_BS = length_B1 * cos_BS, length_B1 * changed_BS
            loss = cross_entropy(changed_BS, spk_id_B, self.config, weight_B)
        return loss, cos_BS


def multiply_angle(cos: torch.Tensor, multiplier: int) -> torch.Tensor:
    """The psi of ASoftmax as a function of cos(theta).

    >>> multiply_angle(torch.tensor([0.5, -1.0]), 2)    # cos 120 degrees, and -3
    tensor([-0.5000, -3.0000])
    """
    before, multiple = torch.ones_like(cos), cos  # cos(0 theta), cos(1 theta)
    for _ in range(multiplier - 1):
        before, multiple = multiple, 2 * cos * multiple - before
    angle = cos.detach().clamp(-1, 1).acos()
    k = (multiplier * angle / math.pi).floor().clamp(max=multiplier - 1)
    return (1 - 2 * (k % 2)) * multiple - 2 * k
