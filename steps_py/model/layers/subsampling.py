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

    There is one convolution for `factor` 2 and there are two for 4.  With `all_bins` there are two
    for 2 as well, and none of them halves the bins.  They are not padded: the output has a frame
    where all input frames exist that it sees: 3, 7, or with `all_bins` 7 for either factor.

    >>> ConvSubsampling(80, 16, factor=4)(torch.zeros(2, 20, 80), None)[0].shape
    torch.Size([2, 4, 16])
    """

    def __init__(self, in_dim: int, out_dim: int, factor: int, all_bins: bool = False):
        super().__init__()
        frame_strides = {2: (2, 1) if all_bins else (2,), 4: (2, 2)}[factor]
        bin_stride = 1 if all_bins else 2
        self.convs, num_bins, frames_apart, self.min_frames = nn.ModuleList(), in_dim, 1, 1
        for number, frame_stride in enumerate(frame_strides):
            self.convs.append(
                nn.Conv2d(out_dim if number else 1, out_dim, 3, (frame_stride, bin_stride))
            )
            num_bins = (num_bins - 3) // bin_stride + 1
            self.min_frames += 2 * frames_apart
            frames_apart *= frame_stride
        if num_bins < 1:
            needed = 1 + 2 * sum(bin_stride**number for number in range(len(frame_strides)))
            raise ConfigError(
                f"subsampling {factor} needs {needed} features or more; there are"
                f" {in_dim}. Use a smaller factor or more features."
            )
        self.affine = nn.Linear(out_dim * num_bins, out_dim)

    def forward(
        self, x_BTD: torch.Tensor, mask_BT: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Frames (B, T, D) -> frames, which are real if all frames that they see are, and mask."""
        x_BCTF = x_BTD[:, None]
        for conv in self.convs:
            x_BCTF = F.relu(conv(x_BCTF))
            if mask_BT is not None:
                mask_BT = mask_BT[:, 2 :: conv.stride[0]]
        return self.affine(x_BCTF.transpose(1, 2).flatten(2)), mask_BT
