"""Attentive fusion of two maps.

Shape suffixes: B batch, T frames, C channels, F frequency bins.

Reference: Y. Chen et al., "An enhanced Res2Net with local and global feature fusion for speaker
verification", Interspeech 2023, equations (3) and (4).
"""

import torch
import torch.nn.functional as F
from torch import nn

from steps_py.model.layers.masks import zero_padding
from steps_py.model.layers.norm import MaskedBatchNorm


class AttentiveFusion(nn.Module):
    """(1 + u) x + (1 - u) y with u between -1 and 1, computed from both for every place.

    >>> AttentiveFusion(8)(torch.zeros(2, 8, 5, 4), torch.zeros(2, 8, 5, 4), None).shape
    torch.Size([2, 8, 5, 4])
    """

    def __init__(self, dim: int, reduction: int = 4):
        super().__init__()
        hidden_dim = max(1, dim // reduction)
        self.squeeze = nn.Conv2d(2 * dim, hidden_dim, kernel_size=1)
        self.squeeze_norm = MaskedBatchNorm(hidden_dim)
        self.excite = nn.Conv2d(hidden_dim, dim, kernel_size=1)
        self.excite_norm = MaskedBatchNorm(dim)

    def forward(
        self, x_BCTF: torch.Tensor, y_BCTF: torch.Tensor, mask_BT: torch.Tensor | None
    ) -> torch.Tensor:
        """Fuse maps (B, C, T, F) whose padding is 0; that of the output is 0."""
        u_BCTF = self.squeeze(torch.cat([x_BCTF, y_BCTF], dim=1))
        u_BCTF = F.silu(self.squeeze_norm(u_BCTF, mask_BT))
        u_BCTF = torch.tanh(self.excite_norm(self.excite(u_BCTF), mask_BT))
        return zero_padding((1 + u_BCTF) * x_BCTF + (1 - u_BCTF) * y_BCTF, mask_BT)
