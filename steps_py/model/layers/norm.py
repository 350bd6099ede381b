"""Batch norm over real frames.

Shape suffixes: B batch, T frames, C channels, F frequency bins, N any number of rows.

Reference: S. Ioffe and C. Szegedy, "Batch normalization: Accelerating deep network training by
reducing internal covariate shift", ICML 2015, algorithms 1 and 2.
"""

import torch
from torch.nn.modules.batchnorm import _BatchNorm

from steps_py.model.all_gather import sum_over_processes
from steps_py.model.layers.masks import beside_channels


class MaskedBatchNorm(_BatchNorm):
    """Batch norm of (N, C), (B, C, T) or (B, C, T, F) whose statistics leave pads out.

    Without a mask it is torch's own.  With a mask, in training, mean and variance are those of
    all real frames of the batch put in one row; the pads come out as 0 in either mode.

    >>> norm = MaskedBatchNorm(1, eps=0.0, affine=False)
    >>> norm(torch.tensor([[[1.0, 3.0], [5.0, 50.0]]]).mT[:, :1], torch.tensor([[True, True]]))
    tensor([[[-1.,  1.]]])
    """

    synchronized = False  # statistics of the batches of all processes

    def _check_input_dim(self, input):
        pass

    def forward(self, x, mask=None):
        """`mask`: (B, T), or (N,) beside rows (N, C)."""
        if mask is None and not (self.synchronized and self.training):
            return super().forward(x)
        if mask is None:
            mask = x.new_ones(x.shape[0], *x.shape[2:3], dtype=torch.bool)
        real = beside_channels(mask, x) if x.ndim > 2 else mask[:, None]
        if not self.training:
            return super().forward(x).masked_fill(~real, 0)
        return self._normalize(x.float().masked_fill(~real, 0), real).to(x.dtype)

    def _normalize(self, x, real):
        axes = [0, *range(2, x.ndim)]
        num = self._sum(real.sum() * (x[0, 0].numel() // real[0, 0].numel()))
        mean = self._sum(x.sum(axes, keepdim=True)) / num
        centred = (x - mean).masked_fill(~real, 0)
        var = self._sum(centred.square().sum(axes, keepdim=True)) / num
        self._remember(mean.detach().flatten(), var.detach().flatten(), num)
        y = centred * (var + self.eps).rsqrt()
        if self.affine:
            shape = mean.shape
            y = (y * self.weight.view(shape) + self.bias.view(shape)).masked_fill(~real, 0)
        return y

    def _sum(self, x):
        return sum_over_processes(x) if self.synchronized else x

    def _remember(self, mean_C, var_C, num):
        """Running statistics, of the unbiased variance, as torch's."""
        with torch.no_grad():
            unbiased_C = var_C * num / (num - 1).clamp(min=1)
            self.running_mean.lerp_(mean_C.to(self.running_mean.dtype), self.momentum)
            self.running_var.lerp_(unbiased_C.to(self.running_var.dtype), self.momentum)
            self.num_batches_tracked.add_(1)


def synchronize_norms(module):
    """From now on, every norm of `module` takes its statistics from the batches of all processes.

    Training is then that of one process with the whole batch, for two small messages a norm
    and as many on the way back.
    """
    for norm in module.modules():
        if isinstance(norm, MaskedBatchNorm):
            norm.synchronized = True
