"""NetVLAD pooling: residuals to learned clusters.

Shape suffixes: B batch, T frames, C channels, K clusters, G clusters with ghosts.

Reference: R. Arandjelovic et al., "NetVLAD: CNN architecture for weakly supervised place
recognition", CVPR 2016, equation (4); the affine of the assignment is independent of the
clusters, as there.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from steps_py.model.layers.masks import zero_padding
from steps_py.model.registries import POOLINGS
from steps_py.settings.declare import Count


@POOLINGS.register("netvlad")
class NetVladPooling(nn.Module):
    r"""Sum of the residuals to each cluster, weighted by a soft assignment.

    .. math:: \alpha_{tk} = \mathrm{softmax}_k (w_k^\top x_t + b_k), \qquad
              v_k = \sum_t \alpha_{tk} (x_t - c_k)

    Each v is normalised to length 1, and then all together.  Computed in float32, except the
    affine under autocast.

    >>> pooling = NetVladPooling(NetVladPooling.Config(), in_dim=3)
    >>> pooling(torch.ones(4, 7, 3)).shape
    torch.Size([4, 24])
    """

    num_ghosts = 0

    @dataclass(frozen=True, kw_only=True)
    class Config:
        num_clusters: Count = 8

    def __init__(self, config: Config, in_dim: int):
        super().__init__()
        self.num_clusters = config.num_clusters
        self.assignment = nn.Linear(in_dim, config.num_clusters + self.num_ghosts)
        self.cluster_KC = nn.Parameter(torch.randn(config.num_clusters, in_dim) / in_dim**0.5)
        self.out_dim = config.num_clusters * in_dim

    def forward(self, x_BTC: torch.Tensor, mask_BT: torch.Tensor | None = None) -> torch.Tensor:
        """Frames (B, T, C) -> (B, K C)."""
        x_BTC = x_BTC.float()
        x_BTC = zero_padding(x_BTC.mT, mask_BT).mT
        share_BTG = self.assignment(x_BTC).float().softmax(dim=2)
        share_BTG = zero_padding(share_BTG.mT, mask_BT).mT
        share_BTK = share_BTG[:, :, : self.num_clusters]  # without ghosts
        residual_BKC = share_BTK.mT @ x_BTC - share_BTK.sum(dim=1)[:, :, None] * self.cluster_KC
        return F.normalize(F.normalize(residual_BKC, dim=2).flatten(1))
