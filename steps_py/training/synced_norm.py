"""Batch norm over the chunks of all processes, on CPUs and GPUs alike.

Shape suffixes: N rows, B batch, C channels, T frames, F frequency bins.
"""

import torch
from torch import distributed
from torch.nn.modules.batchnorm import _BatchNorm

from steps_py.model.layers.masks import beside_channels
from steps_py.model.layers.norm import MaskedBatchNorm


def sync_norms(*modules):
    """Let every batch norm take its statistics, in training, from all processes.

    The modules stay the same ones, with the same weights and names.
    """
    for module in modules:
        for norm in module.modules():
            if isinstance(norm, _BatchNorm):
                norm.__class__ = SyncedBatchNorm


class SyncedBatchNorm(MaskedBatchNorm):
    """Batch norm of (N, C), (B, C, T) or (B, C, T, F) with the mean and variance of the whole
    batch: equal to one process that has all of it."""

    def forward(self, x, mask=None):
        if not self.training:
            return super().forward(x, mask)
        real = torch.ones_like(x[:, :1], dtype=torch.bool)
        if mask is not None:
            real = beside_channels(mask, x) if x.ndim > 2 else mask[:, None]
        return self._normalize(x.float().masked_fill(~real, 0), real).to(x.dtype)

    def _normalize(self, x, real):
        axes = [0, *range(2, x.ndim)]
        num = _sum(real.sum() * (x[0, 0].numel() // real[0, 0].numel()).__float__())
        mean = _sum(x.sum(axes, keepdim=True)) / num
        centred = (x - mean).masked_fill(~real, 0)
        var = _sum(centred.square().sum(axes, keepdim=True)) / num
        self._remember(mean.detach().flatten(), var.detach().flatten(), num)
        y = centred * (var + self.eps).rsqrt()
        if self.affine:
            y = y * self.weight.view(mean.shape) + self.bias.view(mean.shape)
        return y.masked_fill(~real, 0)


def _sum(x):
    return _Sum.apply(x)


class _Sum(torch.autograd.Function):
    """Sum over processes, whose gradient is the sum of the processes' gradients."""

    @staticmethod
    def forward(ctx, x):
        x = x.clone()
        distributed.all_reduce(x)
        return x

    @staticmethod
    def backward(ctx, grad):
        grad = grad.contiguous().clone()
        distributed.all_reduce(grad)
        return grad
