"""Precision of what is computed outside of autocast."""

from contextlib import AbstractContextManager, nullcontext

import torch


def at_least_float32(x: torch.Tensor) -> torch.Tensor:
    """`x` in float32, or in float64 if it is that already.

    >>> at_least_float32(torch.zeros(2, dtype=torch.bfloat16)).dtype
    torch.float32
    """
    return x.to(torch.promote_types(x.dtype, torch.float32))


def without_autocast(x: torch.Tensor) -> AbstractContextManager:
    """Disable autocast on the device of `x`; for meta tensors torch has none."""
    return nullcontext() if x.is_meta else torch.autocast(x.device.type, enabled=False)
