"""Weighted mean and standard deviation of each channel.

Shape suffixes: B batch, T frames, C channels.
"""

import torch

from steps_py.model.layers.masks import fill_padding


def softmax_over_frames(logits_BTC: torch.Tensor, mask_BT: torch.Tensor | None) -> torch.Tensor:
    """Weights (B, T, C) that sum to 1 over real frames and are 0 on padding."""
    if mask_BT is not None:
        logits_BTC = fill_padding(logits_BTC.mT, mask_BT, -torch.inf).mT
    return logits_BTC.softmax(dim=1)


def mean_and_deviation(
    x_BTC: torch.Tensor, weight_BTC: torch.Tensor, variance_floor: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and standard deviation (B, C) under weights that sum to 1 over frames.

    `weight_BTC` can be (B, T, 1).  Padding has weight 0, and must be finite.

    >>> x_BTC = torch.tensor([[[1.0], [3.0], [9.0]]])
    >>> mean_and_deviation(x_BTC, torch.tensor([[[0.5], [0.5], [0.0]]]), 1e-10)
    (tensor([[2.]]), tensor([[1.]]))
    """
    mean_B1C = (weight_BTC * x_BTC).sum(dim=1, keepdim=True)
    var_BC = (weight_BTC * (x_BTC - mean_B1C).square()).sum(dim=1)
    return mean_B1C[:, 0], var_BC.clamp(min=variance_floor).sqrt()
