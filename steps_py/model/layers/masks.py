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
    return is_eager_on_cpu(num_frames_B) and bool((num_frames_B >= num_frames).all())


def expand_mask(mask_BT: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """The mask with the number of axes of `x`, whose second axis is the channels.

    A mask (N,) of rows (N, C) becomes (N, 1).

    >>> expand_mask(torch.ones(2, 9).bool(), torch.zeros(2, 4, 9, 5)).shape
    torch.Size([2, 1, 9, 1])
    """
    return mask_BT[:, None].reshape(mask_BT.shape[0], 1, *mask_BT.shape[1:], *[1] * (x.ndim - 3))


def zero_padding(x: torch.Tensor, mask_BT: torch.Tensor | None) -> torch.Tensor:
    """`x` (B, C, T) or (B, C, T, F) with padding set to 0; also rows (N, C) with a mask (N,).

    A convolution over it then equals one over the utterance alone with zero padding.

    >>> zero_padding(torch.tensor([[[1.0, 3.0, 50.0]]]), torch.tensor([[True, True, False]]))
    tensor([[[1., 3., 0.]]])
    """
    return x if mask_BT is None else fill_padding(x, mask_BT, 0)


def fill_padding(x: torch.Tensor, mask_BT: torch.Tensor, value: float) -> torch.Tensor:
    """`zero_padding` with another value."""
    if is_eager_on_cpu(x):
        return _CopyWithoutPadding.apply(x, mask_BT, value)
    return x.masked_fill(~expand_mask(mask_BT, x), value)


def fill_padding_(x: torch.Tensor, mask_BT: torch.Tensor, value: float = 0) -> torch.Tensor:
    """`fill_padding` in place, for a tensor without gradient."""
    if not is_eager_on_cpu(x):
        return x.masked_fill_(~expand_mask(mask_BT, x), value)
    if mask_BT.ndim == 1:
        return x.index_fill_(0, (~mask_BT).nonzero()[:, 0], value)
    for row, num_frames in enumerate(mask_BT.sum(dim=1).tolist()):
        if num_frames < x.shape[2]:
            x[row, :, num_frames:] = value
    return x


def is_eager_on_cpu(x: torch.Tensor) -> bool:
    """Whether lengths can be read at no cost: there is neither a GPU nor a compiler to wait for."""
    return x.device.type == "cpu" and not torch.compiler.is_compiling()


class _CopyWithoutPadding(torch.autograd.Function):
    """Writes only the padding of a copy, which takes a third of the time of `masked_fill`."""

    @staticmethod
    def forward(ctx, x, mask, value):
        ctx.save_for_backward(mask)
        return fill_padding_(x.clone(), mask, value)

    @staticmethod
    def backward(ctx, grad):
        (mask,) = ctx.saved_tensors
        return zero_padding(grad, mask), None, None


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
