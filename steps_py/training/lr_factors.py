"""Modules of the network with a learning rate of their own."""

from collections.abc import Mapping
from typing import Any

import torch

from steps_py.training.freezing import named_modules


def set_lr_factors(
    optimizer: Any, factors: Mapping[str, float], model: torch.nn.Module, loss: torch.nn.Module
) -> None:
    """Split the parameter groups of an optimiser by the factors of ``train.lr_factors``.

    The factor of a weight is that of the innermost module that `factors` names; `set_rates`
    multiplies the learning rate by it.  Raises ConfigError for an unknown module.

    >>> model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 2))
    >>> optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    >>> set_lr_factors(optimizer, {"1": 0.1}, model, torch.nn.Identity())
    >>> [(group["lr_factor"], len(group["params"])) for group in optimizer.param_groups]
    [(1.0, 2), (0.1, 2)]
    """
    modules = named_modules("train.lr_factors", factors, model, loss)
    factor_of = {}
    for name in sorted(factors, key=len):  # inner modules have longer names
        factor_of |= {id(p): factors[name] for p in modules[name].parameters()}
    split = []
    for group in optimizer.param_groups:
        by_factor = {}
        for p in group["params"]:
            by_factor.setdefault(factor_of.get(id(p), 1.0), []).append(p)
        split += [
            group | {"params": params, "lr_factor": factor} for factor, params in by_factor.items()
        ]
    optimizer.param_groups[:] = split
