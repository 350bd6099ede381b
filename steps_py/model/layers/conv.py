"""Convolutions with batch norm, aware of padding.

Shape suffixes: B batch, T frames, C channels, F frequency bins.
"""

import torch
import torch.nn.functional as F
from torch import nn

from steps_py.model.layers.norm import MaskedBatchNorm


def every(mask_BT: torch.Tensor | None, stride: int) -> torch.Tensor | None:
    """The mask of every `stride`-th frame: an output frame is real if its centre is.

    >>> every(torch.tensor([[True, True, True, False]]), 2)
    tensor([[True, True]])
    """
    return mask_BT if mask_BT is None or stride == 1 else mask_BT[:, ::stride]


class ConvReluNorm(nn.Module):
    """Convolution over frames, ReLU and batch norm; padding of the output is 0.

    Unless `padded`, the output has a frame where all input frames exist, `reach` fewer.

    >>> layer = ConvReluNorm(3, 8, kernel_size=3, dilation=2, padded=False)
    >>> layer(torch.zeros(2, 3, 9), None)[0].shape, layer.reach
    (torch.Size([2, 8, 5]), 4)
    """

    def __init__(
        self,
        in_dim: int,
        out_dim: int,
        kernel_size: int = 1,
        stride: int = 1,
        dilation: int = 1,
        groups: int = 1,
        padded: bool = True,
    ):
        super().__init__()
        context = dilation * (kernel_size - 1)
        padding = context // 2 if padded else 0
        self.stride, self.reach = stride, 0 if padded else context
        self.conv = nn.Conv1d(in_dim, out_dim, kernel_size, stride, padding, dilation, groups)
        self.norm = MaskedBatchNorm(out_dim)

    def forward(self, x_BCT, mask_BT):
        """Frames (B, C, T) whose padding is 0 -> frames, and their mask."""
        if mask_BT is not None:  # without padding real if the last input frame is
            mask_BT = every(mask_BT[:, self.reach :], self.stride)
        return self.norm(F.relu(self.conv(x_BCT)), mask_BT), mask_BT


class ConvNorm1d(nn.Module):
    """Convolution without bias over frames and batch norm; padding of the output is 0.

    The convolution is zero-padded: without a stride the number of frames is kept.

    >>> y_BCT, _ = ConvNorm1d(3, 8, kernel_size=5, stride=2)(torch.zeros(2, 3, 9), None)
    >>> y_BCT.shape
    torch.Size([2, 8, 5])
    """

    def __init__(
        self,
        in_dim: int,
        out_dim: int,
        kernel_size: int = 1,
        stride: int = 1,
        dilation: int = 1,
        groups: int = 1,
    ):
        super().__init__()
        padding = dilation * (kernel_size - 1) // 2
        self.stride = stride
        self.conv = nn.Conv1d(
            in_dim, out_dim, kernel_size, stride, padding, dilation, groups, bias=False
        )
        self.norm = MaskedBatchNorm(out_dim)

    def forward(self, x_BCT, mask_BT):
        """Frames (B, C, T) whose padding is 0 -> frames, and their mask."""
        mask_BT = every(mask_BT, self.stride)
        return self.norm(self.conv(x_BCT), mask_BT), mask_BT


class ConvNorm2d(nn.Module):
    """Convolution without bias over frames and bins and batch norm; padding of the output is 0.

    >>> y_BCTF, _ = ConvNorm2d(1, 8, stride=(1, 2))(torch.zeros(2, 1, 9, 6), None)
    >>> y_BCTF.shape
    torch.Size([2, 8, 9, 3])
    """

    def __init__(
        self,
        in_dim: int,
        out_dim: int,
        kernel_size: int = 3,
        stride: tuple[int, int] = (1, 1),
        dilation: int = 1,
        groups: int = 1,
    ):
        super().__init__()
        self.frame_stride, _ = stride
        padding = dilation * (kernel_size - 1) // 2
        self.conv = nn.Conv2d(
            in_dim, out_dim, kernel_size, stride, padding, dilation, groups, bias=False
        )
        self.norm = MaskedBatchNorm(out_dim)

    def forward(self, x_BCTF, mask_BT):
        """Maps (B, C, T, F) whose padding is 0 -> maps, and their mask."""
        mask_BT = every(mask_BT, self.frame_stride)
        return self.norm(self.conv(x_BCTF), mask_BT), mask_BT
