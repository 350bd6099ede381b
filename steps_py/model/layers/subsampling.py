"""Convolutions that leave every second or fourth frame.

Shape suffixes: B batch, T frames, D feature dimension, C channels, F frequency bins.

Reference: L. Dong et al., "Speech-Transformer: A no-recurrence sequence-to-sequence model for
speech recognition", ICASSP 2018, section 3.2.
"""

import torch
import torch.nn.functional as F
from torch import nn

from steps_py.errors import ConfigError


class ConvSubsampling(nn.Module):
    """Convolutions of 3 x 3 that halve frames and bins, and an affine of what a frame has left.

    There is one convolution for `factor` 2 and there are two for 4.  They are not padded: the
    output has a frame where all 3 or 7 input frames exist.

    >>> ConvSubsampling(80, 16, factor=4)(torch.zeros(2, 20, 80), None)[0].shape
    torch.Size([2, 4, 16])
    """

    def __init__(self, in_dim: int, out_dim: int, factor: int):
        super().__init__()
        num_convs = {2: 1, 4: 2}[factor]
        self.min_frames = 2 ** (num_convs + 1) - 1
        if in_dim < self.min_frames:
            raise ConfigError(
                f"subsampling {factor} needs {self.min_frames} features or more; there are"
                f" {in_dim}. Use a smaller factor or more features."
            )
        self.convs = nn.ModuleList(
            nn.Conv2d(out_dim if number else 1, out_dim, kernel_size=3, stride=2)
            for number in range(num_convs)
        )
        num_bins = in_dim
        for _ in range(num_convs):
            num_bins = (num_bins - 1) // 2
        self.affine = nn.Linear(out_dim * num_bins, out_dim)

    def forward(
        self, x_BTD: torch.Tensor, mask_BT: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Frames (B, T, D) -> frames, which are real if all frames that they see are, and mask."""
        x_BCTF = x_BTD[:, None]
        for conv in self.convs:
            x_BCTF = F.relu(conv(x_BCTF))
            if mask_BT is not None:
                mask_BT = mask_BT[:, 2::2]
        return self.affine(x_BCTF.transpose(1, 2).flatten(2)), mask_BT
