"""Masks of real frames.

A mask is true for real frames and false for padding, which is at the end of an utterance.

Shape suffixes: B batch, T frames, C channels, F frequency bins.
"""

import torch


def frame_mask(num_frames_B: torch.Tensor, num_frames: int) -> torch.Tensor:
    """True for the first `num_frames_B` of `num_frames` frames.

    >>> frame_mask(torch.tensor([1, 3]), 3)
    tensor([[ True, False, False],
            [ True,  True,  True]])
    """
    return torch.arange(num_frames, device=num_frames_B.device) < num_frames_B[:, None]


def is_full(num_frames_B: torch.Tensor, num_frames: int) -> bool:
    """Whether no frame is padding, if that is known without waiting for a GPU or a compiler.

    >>> is_full(torch.tensor([3, 3]), 3), is_full(torch.tensor([1, 3]), 3)
    (True, False)
    """
    is_known = num_frames_B.device.type == "cpu" and not torch.compiler.is_compiling()
    return is_known and bool((num_frames_B >= num_frames).all())


def expand_mask(mask_BT: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """The mask with the number of axes of `x`, whose second axis is the channels.

    >>> expand_mask(torch.ones(2, 9).bool(), torch.zeros(2, 4, 9, 5)).shape
    torch.Size([2, 1, 9, 1])
    """
    return mask_BT[:, None].reshape(mask_BT.shape[0], 1, *mask_BT.shape[1:], *[1] * (x.ndim - 3))


def zero_padding(x: torch.Tensor, mask_BT: torch.Tensor | None) -> torch.Tensor:
    """`x` (B, C, T) or (B, C, T, F) with padding set to 0.

    A convolution over it then equals one over the utterance alone with zero padding.
    """
    return x if mask_BT is None else x.masked_fill(~expand_mask(mask_BT, x), 0)


def mean_over_frames(x: torch.Tensor, mask_BT: torch.Tensor | None) -> torch.Tensor:
    """Mean (B, C) of `x` (B, C, T) or (B, C, T, F) over real frames and bins, at least float32.

    >>> x_BCT = torch.tensor([[[1.0, 3.0, 50.0]]])
    >>> mean_over_frames(x_BCT, torch.tensor([[True, True, False]]))
    tensor([[2.]])
    """
    axes, dtype = tuple(range(2, x.ndim)), torch.promote_types(x.dtype, torch.float32)
    if mask_BT is None:
        return x.mean(axes, dtype=dtype)
    num_B1 = mask_BT.sum(dim=1, keepdim=True) * x[0, 0, 0].numel()
    return zero_padding(x, mask_BT).sum(axes, dtype=dtype) / num_B1
