"""Backward passes in which rectified units pass positive gradients only."""

import torch
import torch.nn.functional as F
from torch.overrides import TorchFunctionMode

_RELUS = {
    torch.relu, torch.relu_, torch.Tensor.relu, torch.Tensor.relu_, F.relu, F.relu_,
}  # fmt: skip


class _GuidedRelu(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.clamp(min=0)

    @staticmethod
    def backward(ctx, gradient):
        (x,) = ctx.saved_tensors
        return gradient.clamp(min=0) * (x > 0)


class GuidedRelus(TorchFunctionMode):
    """Within it every ReLU, whether a module or a function, is a guided one.

    J. T. Springenberg et al., "Striving for simplicity: the all convolutional net", 2015.

    >>> x = torch.tensor([1.0, -1.0, 2.0], requires_grad=True)
    >>> with GuidedRelus():
    ...     y = torch.nn.ReLU()(x)
    >>> torch.autograd.grad((y * torch.tensor([1.0, 1.0, -1.0])).sum(), x)[0]
    tensor([1., 0., 0.])
    """

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func in _RELUS:
            return _GuidedRelu.apply(args[0] if args else kwargs["input"])
        return func(*args, **(kwargs or {}))
