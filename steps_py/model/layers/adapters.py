"""Few weights that adapt a network whose own weights stay as they are.

Shape suffixes: O outputs, I inputs, R rank.

References: N. Houlsby et al., "Parameter-efficient transfer learning for NLP", ICML 2019; E. J. Hu
et al., "LoRA: Low-rank adaptation of large language models", ICLR 2022.
"""

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.parametrize import register_parametrization


class LowRank(nn.Module):
    """weight + scale up down; at the beginning `up` is 0, so the weight is unchanged."""

    def __init__(self, weight_OI: torch.Tensor, dim: int, scale: float):
        super().__init__()
        num_out, num_in = weight_OI.shape
        self.scale = scale
        self.down_RI = nn.Parameter(torch.empty(dim, num_in))
        self.up_OR = nn.Parameter(torch.zeros(num_out, dim))
        nn.init.kaiming_uniform_(self.down_RI, a=5**0.5)

    def forward(self, weight_OI: torch.Tensor) -> torch.Tensor:
        return weight_OI + self.scale * (self.up_OR @ self.down_RI)


def add_low_rank(layer: nn.Linear, dim: int, scale: float) -> None:
    """Give the weight of a layer a learned term of rank `dim`.

    >>> layer = nn.Linear(6, 4)
    >>> add_low_rank(layer, dim=2, scale=2.0)
    >>> sum(p.numel() for p in layer.parameters()) - (6 * 4 + 4)
    20
    """
    register_parametrization(layer, "weight", LowRank(layer.weight, dim, scale))


class Adapter(nn.Module):
    """x + up(gelu(down(x))) with `hidden_dim` values between; at the beginning, x.

    >>> x = torch.randn(3, 6)
    >>> torch.equal(Adapter(6, hidden_dim=2)(x), x)
    True
    """

    def __init__(self, dim: int, hidden_dim: int):
        super().__init__()
        self.down, self.up = nn.Linear(dim, hidden_dim), nn.Linear(hidden_dim, dim)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.up(F.gelu(self.down(x)))
