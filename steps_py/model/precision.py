"""Precision of what is computed outside of autocast."""

import torch


def at_least_float32(x: torch.Tensor) -> torch.Tensor:
    """`x` in float32, or in float64 if it is that already.

    >>> at_least_float32(torch.zeros(2, dtype=torch.bfloat16)).dtype
    torch.float32
    """
    return x.to(torch.promote_types(x.dtype, torch.float32))
