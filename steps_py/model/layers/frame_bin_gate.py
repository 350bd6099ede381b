"""Gates of frames and of bins.

Shape suffixes: B batch, T frames, C channels, F frequency bins.

Reference: github.com/Wenhao-Yang/SpeakerVerifiaction-pytorch, class CBAM, 2021, after S. Woo et
al., "CBAM: Convolutional block attention module", ECCV 2018.
"""

import torch
from torch import nn

from steps_py.model.layers.masks import zero_padding


class FrameBinGate(nn.Module):
    """x times the mean of a gate of its frame and one of its bin, for each channel.

    Either is the sigmoid of a convolution over seven neighbours: of the means of frames over bins,
    or of those of bins over real frames.  The public code convolves along the axis that it has
    averaged over, where only the middle of the seven weights has an effect.

    >>> FrameBinGate(8)(torch.zeros(3, 8, 5, 4), None).shape
    torch.Size([3, 8, 5, 4])
    """

    def __init__(self, num_channels: int):
        super().__init__()
        self.frames = nn.Conv1d(num_channels, num_channels, kernel_size=7, padding=3)
        self.bins = nn.Conv1d(num_channels, num_channels, kernel_size=7, padding=3)

    def forward(self, x_BCTF: torch.Tensor, mask_BT: torch.Tensor | None) -> torch.Tensor:
        """Gate `x_BCTF`, whose padding is 0; that of the output is 0."""
        if mask_BT is None:
            mean_BCF = x_BCTF.mean(dim=2)
        else:
            x_BCTF = zero_padding(x_BCTF, mask_BT)
            mean_BCF = x_BCTF.sum(dim=2) / mask_BT.sum(dim=1)[:, None, None]
        bin_BCF = torch.sigmoid(self.bins(mean_BCF.to(x_BCTF.dtype)))
        frame_BCT = torch.sigmoid(self.frames(x_BCTF.mean(dim=3)))
        return x_BCTF * (bin_BCF[:, :, None] + frame_BCT[..., None]) / 2
