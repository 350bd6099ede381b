"""Power mean with a learned exponent for each channel, and the number of frames.

Shape suffixes: B batch, T frames, C channels.

Reference: C. Gulcehre et al., "Learned-norm pooling for deep feedforward and recurrent neural
networks", ECML 2014, equation (1).
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from steps_py.model.layers.masks import fill_padding, zero_padding
from steps_py.model.registries import POOLINGS
from steps_py.settings.declare import setting


@POOLINGS.register("power")
class PowerPooling(nn.Module):
    r"""Power mean of the magnitudes of each channel.

    .. math:: y_c = \Bigl(\tfrac1T \sum_t |x_{tc}|^{p_c}\Bigr)^{1/p_c}, \qquad
              p_c = 1 + \log(1 + e^{a_c})

    a is learned.  p near 1 gives the mean, a large p the maximum.  With `count` there is one
    more dimension, log T.  Magnitudes below `floor` count as `floor`.

    >>> pooling = PowerPooling(PowerPooling.Config(initial_power=2, count=False), in_dim=1)
    >>> pooling(torch.tensor([[[1.0], [-7.0]]]))    # sqrt((1 + 49) / 2)
    tensor([[5.]], grad_fn=<ExpBackward0>)
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        initial_power: float = setting(2.0, exclusiveMinimum=1)
        count: bool = setting(True, "append the logarithm of the number of frames")
        floor: float = setting(1e-4, exclusiveMinimum=0)

    def __init__(self, config: Config, in_dim: int):
        super().__init__()
        self.count, self.floor = config.count, config.floor
        initial = math.log(math.expm1(config.initial_power - 1))
        self.power_C = nn.Parameter(torch.full((in_dim,), initial))
        self.out_dim = in_dim + config.count

    def forward(self, x_BTC: torch.Tensor, mask_BT: torch.Tensor | None = None) -> torch.Tensor:
        """Frames (B, T, C) -> (B, C), with `count` (B, C + 1)."""
        x_BTC = x_BTC.float()
        if mask_BT is None:
            mask_BT = torch.ones_like(x_BTC[:, :, 0], dtype=torch.bool)
        x_BTC = zero_padding(x_BTC.mT, mask_BT).mT
        log_num_B1 = mask_BT.sum(dim=1, keepdim=True).to(x_BTC.dtype).log()
        power_C = 1 + F.softplus(self.power_C)
        log_BTC = power_C * x_BTC.abs().clamp(min=self.floor).log()
        log_BTC = fill_padding(log_BTC.mT, mask_BT, -torch.inf).mT
        mean_BC = ((log_BTC.logsumexp(dim=1) - log_num_B1) / power_C).exp()
        return torch.cat([mean_BC, log_num_B1], dim=1) if self.count else mean_BC
