"""A score in NumPy as a torch function whose gradient is taken by central differences.

The scoring steps of a system are many, they are smooth functions of two vectors of some hundred
dimensions, and a recipe can add its own.  Differences in float64 give the gradient of any chain of
them, with a relative error of about 1e-8, and the score explained is the one that decides.

Shape suffixes (scope: this module):
    B = batch   E = embedding   N = vectors
"""

from collections.abc import Callable

import numpy as np
import torch

STEP = 1e-4  # of the root mean square of the vector
_AGREEMENT = 1e-3  # between the gradients of two step lengths, of a function that has one


class _Differenced(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x_BE, function):
        values = x_BE.detach().cpu().double().numpy()
        ctx.values, ctx.function = values, function
        return torch.from_numpy(np.asarray(function(values))).to(x_BE)

    @staticmethod
    def backward(ctx, gradient_B):
        slope_BE = torch.from_numpy(differences(ctx.function, ctx.values)).to(gradient_B)
        return gradient_B[:, None] * slope_BE, None


def differenced(function: Callable[[np.ndarray], np.ndarray]) -> Callable:
    """A torch function (B, E) -> (B,) of a NumPy function (N, E) -> (N,) that is smooth.

    >>> score = differenced(lambda x_NE: (x_NE**2).sum(axis=1))
    >>> x_BE = torch.tensor([[1.0, 2.0]], requires_grad=True)
    >>> torch.autograd.grad(score(x_BE).sum(), x_BE)[0].round(decimals=5)
    tensor([[2., 4.]])
    """
    return lambda x_BE: _Differenced.apply(x_BE, function)


def differences(function, x_BE: np.ndarray, step: float = STEP) -> np.ndarray:
    """The gradient of ``function(x_NE)``, (N,), at each row; float64 (B, E)."""
    num, dim = x_BE.shape
    h_B = step * np.sqrt(np.mean(x_BE**2, axis=1))
    h_B = np.where(h_B > 0, h_B, step)
    moves_BEE = h_B[:, None, None] * np.eye(dim)
    above, below = (
        function((x_BE[:, None] + sign * moves_BEE).reshape(-1, dim)).reshape(num, dim)
        for sign in (1, -1)
    )
    return (above - below) / (2 * h_B[:, None])


def is_smooth(function, x_E: np.ndarray) -> bool:
    """Whether `function` has a gradient at a vector, other than 0.

    >>> is_smooth(lambda x_NE: x_NE.sum(axis=1), np.ones(3))
    True
    >>> is_smooth(lambda x_NE: np.floor(x_NE.sum(axis=1)), np.full(3, 0.4))
    False
    """
    near, far = (differences(function, x_E[None], step) for step in (STEP, 4 * STEP))
    length = np.linalg.norm(near)
    return bool(length > 0 and np.linalg.norm(near - far) <= _AGREEMENT * length)
