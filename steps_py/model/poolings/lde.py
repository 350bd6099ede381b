"""Learnable dictionary encoding: mean residuals to learned components.

Shape suffixes: B batch, T frames, C channels, K components.

Reference: W. Cai, J. Chen and M. Li, "Exploring the encoding layer and loss function in
end-to-end speaker and language recognition system", Odyssey 2018, section 3.3.
"""

from dataclasses import dataclass

import torch
from torch import nn

from steps_py.model.layers.masks import zero_padding
from steps_py.model.precision import without_autocast
from steps_py.model.registries import POOLINGS
from steps_py.settings.declare import Count


@POOLINGS.register("lde")
class LdePooling(nn.Module):
    r"""Mean of the residuals to each component, weighted by a soft assignment.

    .. math:: w_{tk} = \mathrm{softmax}_k \bigl(-s_k |x_t - \mu_k|^2\bigr), \qquad
              e_k = \tfrac1T \sum_t w_{tk} (x_t - \mu_k)

    :math:`\mu` and s are learned.  Computed in float32.

    >>> pooling = LdePooling(LdePooling.Config(num_components=5), in_dim=3)
    >>> pooling(torch.ones(4, 7, 3)).shape
    torch.Size([4, 15])
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        num_components: Count = 32

    def __init__(self, config: Config, in_dim: int):
        super().__init__()
        self.component_KC = nn.Parameter(torch.randn(config.num_components, in_dim))
        self.scale_K = nn.Parameter(torch.full((config.num_components,), 1 / in_dim))
        self.out_dim = config.num_components * in_dim

    def forward(self, x_BTC: torch.Tensor, mask_BT: torch.Tensor | None = None) -> torch.Tensor:
        """Frames (B, T, C) -> (B, K C)."""
        with without_autocast(x_BTC):
            x_BTC = x_BTC.float()
            if mask_BT is None:
                mask_BT = torch.ones_like(x_BTC[:, :, 0], dtype=torch.bool)
            x_BTC = zero_padding(x_BTC.mT, mask_BT).mT
            distance_BTK = (
                x_BTC.square().sum(dim=2, keepdim=True)
                - 2 * x_BTC @ self.component_KC.T
                + self.component_KC.square().sum(dim=1)
            )
            share_BTK = (-self.scale_K * distance_BTK).softmax(dim=2)
            share_BTK = zero_padding(share_BTK.mT, mask_BT).mT
            share_BTK = share_BTK / mask_BT.sum(dim=1)[:, None, None]
            total_BK1 = share_BTK.sum(dim=1)[:, :, None]
            return (share_BTK.mT @ x_BTC - total_BK1 * self.component_KC).flatten(1)
