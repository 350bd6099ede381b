"""Optimisers.  Weight decay acts on matrices only, never on biases and norms."""

from dataclasses import dataclass

import torch

from steps_py.model.registries import OPTIMIZERS


def decay_matrices(parameters, weight_decay):
    """Two parameter groups: matrices, with `weight_decay`, and all else without."""
    parameters = list(parameters)
    return [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]


@OPTIMIZERS.register("sgd")
class Sgd(torch.optim.SGD):
    """Stochastic gradient descent with momentum."""

    @dataclass(frozen=True, kw_only=True)
    class Config:
        lr: float = 0.1
        momentum: float = 0.9
        nesterov: bool = True
        weight_decay: float = 1e-4

    def __init__(self, config, parameters):
        super().__init__(
            decay_matrices(parameters, config.weight_decay),
            lr=config.lr,
            momentum=config.momentum,
            nesterov=config.nesterov and config.momentum > 0,
        )


@OPTIMIZERS.register("adam")
class Adam(torch.optim.Adam):
    """Kingma and Ba, "Adam: A method for stochastic optimization", ICLR 2015."""

    @dataclass(frozen=True, kw_only=True)
    class Config:
        lr: float = 1e-3
        betas: tuple = (0.9, 0.999)
        weight_decay: float = 0.0

    def __init__(self, config, parameters):
        groups = decay_matrices(parameters, config.weight_decay)
        super().__init__(groups, lr=config.lr, betas=tuple(config.betas))


@OPTIMIZERS.register("adamw")
class AdamW(torch.optim.AdamW):
    """Loshchilov and Hutter, "Decoupled weight decay regularization", ICLR 2019."""

    @dataclass(frozen=True, kw_only=True)
    class Config:
        lr: float = 1e-3
        betas: tuple = (0.9, 0.999)
        weight_decay: float = 0.01

    def __init__(self, config, parameters):
        groups = decay_matrices(parameters, config.weight_decay)
        super().__init__(groups, lr=config.lr, betas=tuple(config.betas))
