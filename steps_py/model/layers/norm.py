"""Batch norm and group norm over real frames.

Shape suffixes: B batch, T frames, C channels, F frequency bins, N any number of rows.

References: S. Ioffe and C. Szegedy, "Batch normalization: Accelerating deep network training by
reducing internal covariate shift", ICML 2015, algorithms 1 and 2; Y. Wu and K. He, "Group
normalization", ECCV 2018, equations (1), (2) and (7).
"""

import torch
from torch.nn.modules.batchnorm import _BatchNorm

from steps_py.model.layers.masks import fill_padding_, zero_padding
from steps_py.model.layers.normalize import NormalizeRealFrames


class MaskedBatchNorm(_BatchNorm):
    """Batch norm of (N, C), (B, C, T) or (B, C, T, F) whose statistics ignore padding.

    Without a mask it equals torch's.  With a mask, mean and variance in training are over all
    real frames of the batch, and padding of the output is 0 in both modes.

    >>> norm = MaskedBatchNorm(1, eps=0.0, affine=False)
    >>> norm(torch.tensor([[[1.0, 3.0], [5.0, 50.0]]]).mT[:, :1], torch.tensor([[True, True]]))
    tensor([[[-1.,  1.]]])
    """

    synchronized = False  # compute statistics over all processes

    def _check_input_dim(self, input):
        pass

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """Normalise `x`; `mask` is (B, T), or (N,) for rows (N, C)."""
        if mask is None and not (self.synchronized and self.training):
            return super().forward(x)
        if mask is None:
            mask = x.new_ones(x.shape[0], *x.shape[2:3], dtype=torch.bool)
        if not self.training:
            y = super().forward(x)
            return zero_padding(y, mask) if y.requires_grad else fill_padding_(y, mask)
        y, mean_C, var_C, num = NormalizeRealFrames.apply(
            x.float(), mask, self.weight, self.bias, self.eps, self.synchronized
        )
        self._update_running(mean_C, var_C, num)
        return y.to(x.dtype)

    def _update_running(self, mean_C, var_C, num):
        """Update running statistics with the unbiased variance, as torch does."""
        with torch.no_grad():
            unbiased_C = var_C * num / (num - 1).clamp(min=1)
            self.running_mean.lerp_(mean_C.to(self.running_mean.dtype), self.momentum)
            self.running_var.lerp_(unbiased_C.to(self.running_var.dtype), self.momentum)
            self.num_batches_tracked.add_(1)


class MaskedGroupNorm(torch.nn.GroupNorm):
    """Group norm of (B, C, T): of neighbouring channels and all real frames of an utterance.

    Padding of the output is 0.

    >>> norm = MaskedGroupNorm(1, 2, eps=0.0, affine=False)
    >>> norm(torch.tensor([[[1.0, 50.0], [3.0, 50.0]]]), torch.tensor([[True, False]]))
    tensor([[[-1.,  0.],
             [ 1.,  0.]]])
    """

    def forward(self, x_BCT: torch.Tensor, mask_BT: torch.Tensor) -> torch.Tensor:
        """Normalise `x_BCT`."""
        real_B11T = mask_BT[:, None, None]
        x_BGNT = x_BCT.float().unflatten(1, (self.num_groups, -1)).masked_fill(~real_B11T, 0)
        num_B111 = real_B11T.sum(dim=3, keepdim=True) * x_BGNT.shape[2]
        mean_BG11 = x_BGNT.sum(dim=(2, 3), keepdim=True) / num_B111
        centred_BGNT = (x_BGNT - mean_BG11).masked_fill(~real_B11T, 0)
        var_BG11 = centred_BGNT.square().sum(dim=(2, 3), keepdim=True) / num_B111
        y_BCT = (centred_BGNT * (var_BG11 + self.eps).rsqrt()).flatten(1, 2)
        if self.affine:
            y_BCT = y_BCT * self.weight[:, None] + self.bias[:, None]
        return y_BCT.masked_fill(~mask_BT[:, None], 0).to(x_BCT.dtype)


def synchronize_norms(module: torch.nn.Module) -> None:
    """Compute the statistics of every norm of `module` over the batches of all processes.

    Training then equals that of one process with the whole batch, at the cost of two small
    all-reduces per norm in each of the forward and backward passes.
    """
    for norm in module.modules():
        if isinstance(norm, MaskedBatchNorm):
            norm.synchronized = True
