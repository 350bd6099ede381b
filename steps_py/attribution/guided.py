"""Backward passes in which rectified units pass positive gradients only."""

import math

import torch
import torch.nn.functional as F
from torch.overrides import TorchFunctionMode

_RELUS = {
    torch.relu, torch.relu_, torch.Tensor.relu, torch.Tensor.relu_, F.relu, F.relu_,
}  # fmt: skip
_CLAMPS = {torch.clamp, torch.Tensor.clamp, F.hardtanh, F.relu6}


class _GuidedRelu(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, cap):
        ctx.save_for_backward(x)
        ctx.cap = cap
        return x.clamp(0, cap)

    @staticmethod
    def backward(ctx, gradient):
        (x,) = ctx.saved_tensors
        return gradient.clamp(min=0) * ((x > 0) & (x < ctx.cap)), None


class GuidedRelus(TorchFunctionMode):
    """Within it every ReLU, whether a module or a function, is a guided one.

    A ReLU with a cap, ``x.clamp(0, 20)`` or ReLU6, counts as one.

    J. T. Springenberg et al., "Striving for simplicity: the all convolutional net", 2015.

    Attributes
    ----------
    count : int
        How many were called.

    >>> x = torch.tensor([1.0, -1.0, 2.0], requires_grad=True)
    >>> with GuidedRelus():
    ...     y = torch.nn.ReLU()(x)
    >>> torch.autograd.grad((y * torch.tensor([1.0, 1.0, -1.0])).sum(), x)[0]
    tensor([1., 0., 0.])
    """

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        cap = _cap_of(func, args, kwargs)
        x = args[0] if args else kwargs.get("input")
        if cap is None or not x.is_floating_point():  # indices are clamped too
            return func(*args, **kwargs)
        self.count += 1
        return _GuidedRelu.apply(x, cap)


def _cap_of(func, args, kwargs):
    """The largest output of a rectified unit, infinite for a ReLU; None for other functions."""
    if func in _RELUS:
        return math.inf
    if func not in _CLAMPS:
        return None
    if func is F.relu6:
        return 6.0
    names = ("min_val", "max_val") if func is F.hardtanh else ("min", "max")
    low, cap = (
        args[place] if len(args) > place else kwargs.get(name)
        for place, name in enumerate(names, start=1)
    )
    is_number = isinstance(low, int | float) and isinstance(cap, int | float)
    return float(cap) if is_number and low == 0 else None
