"""The function of batch norm in training with its gradient, over real frames.

Shape suffixes: C channels; `x` is (N, C), (B, C, T) or (B, C, T, F).

Reference: S. Ioffe and C. Szegedy, "Batch normalization: Accelerating deep network training by
reducing internal covariate shift", ICML 2015, algorithm 1 and the gradients of section 3.
"""

import torch
import torch.nn.functional as F
from torch.autograd.function import once_differentiable

from steps_py.model.all_gather import sum_over_processes
from steps_py.model.layers.masks import fill_padding_, zero_padding


class NormalizeRealFrames(torch.autograd.Function):
    """(x - mean) / sqrt(variance + eps) * weight + bias, and 0 on padding.

    Mean and variance of each channel are over the real frames of the batch, or of the batches of
    all processes.  Written as one function because every operation costs a pass over memory: most
    passes here are in place, and only the centred frames are kept for the gradient.

    >>> x_NC = torch.tensor([[1.0], [3.0], [50.0]])
    >>> mask_N = torch.tensor([True, True, False])
    >>> y_NC, *statistics = NormalizeRealFrames.apply(x_NC, mask_N, None, None, 0.0, False)
    >>> y_NC.flatten(), statistics    # mean, variance, number of values
    (tensor([-1.,  1.,  0.]), [tensor([2.]), tensor([1.]), tensor(2)])
    """

    @staticmethod
    def forward(ctx, x, mask, weight_C, bias_C, eps, over_processes):
        add_up = sum_over_processes if over_processes else torch.clone
        num = add_up(mask.sum() * (x.numel() // x.shape[1] // mask.numel()))
        centred = zero_padding(x, mask)
        mean_C = add_up(sum_of_channels(centred)) / num
        centred = fill_padding_(centred.sub_(along_channels(mean_C, x)), mask)
        var_C = add_up(sum_of_channels(centred.square())) / num
        y = F.batch_norm(centred, torch.zeros_like(var_C), var_C, weight_C, bias_C, eps=eps)
        ctx.save_for_backward(centred, mask, weight_C, (var_C + eps).rsqrt(), num)
        ctx.add_up = add_up
        ctx.mark_non_differentiable(mean_C, var_C, num)
        return fill_padding_(y, mask), mean_C, var_C, num

    @staticmethod
    @once_differentiable
    def backward(ctx, grad_y, *_):
        """With s = weight / deviation and x' the normalised x, means over real frames:
        grad_x = s (grad_y - mean(grad_y) - x' mean(grad_y x')).
        """
        centred, mask, weight_C, inverse_C, num = ctx.saved_tensors
        grad = zero_padding(grad_y, mask)
        grad_bias_C = sum_of_channels(grad)
        grad_weight_C = sum_of_channels(grad * centred) * inverse_C
        gain_C = inverse_C if weight_C is None else inverse_C * weight_C
        offset_C = gain_C * ctx.add_up(grad_bias_C) / num
        slope_C = gain_C * inverse_C * ctx.add_up(grad_weight_C) / num
        grad.mul_(along_channels(gain_C, grad))
        grad.addcmul_(centred, along_channels(slope_C, grad), value=-1)
        grad = fill_padding_(grad.sub_(along_channels(offset_C, grad)), mask)
        if weight_C is None:
            return grad, None, None, None, None, None
        return grad, None, grad_weight_C, grad_bias_C, None, None


def sum_of_channels(x: torch.Tensor) -> torch.Tensor:
    """Sum (C,) over all axes but the second."""
    return x.sum([0, *range(2, x.ndim)])


def along_channels(x_C: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """`x_C` shaped so that it is broadcast along the second axis of `x`.

    >>> along_channels(torch.zeros(4), torch.zeros(2, 4, 9)).shape
    torch.Size([4, 1])
    """
    return x_C.view(-1, *[1] * (x.ndim - 2))
