"""Real frames and pads.

A mask is true where a frame is real; pads lie at the end of an utterance.

Shape suffixes: B batch, T frames, C channels, F frequency bins.
"""

import torch


def frame_mask(num_frames_B, num_frames):
    """True for the first `num_frames_B` of `num_frames` frames.

    >>> frame_mask(torch.tensor([1, 3]), 3)
    tensor([[ True, False, False],
            [ True,  True,  True]])
    """
    return torch.arange(num_frames, device=num_frames_B.device) < num_frames_B[:, None]


def beside_channels(mask_BT, x):
    """The mask with as many axes as `x`, whose second axis is the channels.

    >>> beside_channels(torch.ones(2, 9).bool(), torch.zeros(2, 4, 9, 5)).shape
    torch.Size([2, 1, 9, 1])
    """
    return mask_BT[:, None].reshape(mask_BT.shape[0], 1, *mask_BT.shape[1:], *[1] * (x.ndim - 3))


def zero_pads(x, mask_BT):
    """`x` (B, C, T) or (B, C, T, F) with pads set to 0, so that a convolution sees what it
    would see beyond the end of an utterance alone."""
    return x if mask_BT is None else x.masked_fill(~beside_channels(mask_BT, x), 0)


def mean_over_frames(x, mask_BT):
    """Mean (B, C) of `x` (B, C, T) or (B, C, T, F) over all but channels, in float32 at least.

    >>> x_BCT = torch.tensor([[[1.0, 3.0, 50.0]]])
    >>> mean_over_frames(x_BCT, torch.tensor([[True, True, False]]))
    tensor([[2.]])
    """
    axes, dtype = tuple(range(2, x.ndim)), torch.promote_types(x.dtype, torch.float32)
    if mask_BT is None:
        return x.mean(axes, dtype=dtype)
    num_B1 = mask_BT.sum(dim=1, keepdim=True) * x[0, 0, 0].numel()
    return zero_pads(x, mask_BT).sum(axes, dtype=dtype) / num_B1
