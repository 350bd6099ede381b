"""SimAM: attention without weights.

Shape suffixes: B batch, T frames, C channels, F frequency bins.

References: L. Yang et al., "SimAM: A simple, parameter-free attention module for convolutional
neural networks", ICML 2021, equation (5); for speakers, X. Qin et al., "Simple attention module
based speaker verification with iterative noisy label detection", ICASSP 2022.
"""

import torch
from torch import nn

from steps_py.model.layers.masks import mean_over_frames, zero_padding

VARIANCE_FLOOR = 1e-4


class SimAm(nn.Module):
    """x times sigmoid(d / (4 (v + 1e-4)) + 1/2): d the square of x minus its channel's mean.

    v is the sum of d over the n real places of the channel, divided by n - 1.

    >>> SimAm()(torch.zeros(3, 8, 5, 4)).shape
    torch.Size([3, 8, 5, 4])
    """

    def forward(self, x_BCTF: torch.Tensor, mask_BT: torch.Tensor | None = None) -> torch.Tensor:
        """Gate `x_BCTF`, whose padding is 0; that of the output is 0."""
        d_BCTF = (x_BCTF - mean_over_frames(x_BCTF, mask_BT)[:, :, None, None]).square()
        d_BCTF = zero_padding(d_BCTF, mask_BT)
        num_frames = x_BCTF.shape[2] if mask_BT is None else mask_BT.sum(dim=1)[:, None, None, None]
        num = num_frames * x_BCTF.shape[3] - 1
        num = max(num, 1) if mask_BT is None else num.clamp(min=1)
        var_BC11 = d_BCTF.sum(dim=(2, 3), keepdim=True) / num
        gate_BCTF = torch.sigmoid(d_BCTF / (4 * (var_BC11 + VARIANCE_FLOOR)) + 0.5)
        return x_BCTF * gate_BCTF.to(x_BCTF.dtype)
