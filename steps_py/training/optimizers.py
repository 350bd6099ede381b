"""Optimisers.  Weight decay acts on matrices only, never on biases and norms, unless asked to."""

from dataclasses import dataclass
from typing import Annotated

import torch

from steps_py.model.registries import OPTIMIZERS
from steps_py.settings.declare import Keywords, setting

DECAY_ALL = "weight decay of biases and norms, too"
Decay = Annotated[float, Keywords(minimum=0, exclusiveMaximum=1)]


def decay_matrices(parameters, weight_decay, decay_all=False):
    """Two parameter groups: matrices, with `weight_decay`, and all else without.

    With `decay_all` the other group decays, too, as Kaldi's and Caffe's trainers do.

    >>> layer = torch.nn.Linear(2, 3)
    >>> [(len(g["params"]), g["weight_decay"]) for g in decay_matrices(layer.parameters(), 0.1)]
    [(1, 0.1), (1, 0.0)]
    """
    parameters = list(parameters)
    others = weight_decay if decay_all else 0.0
    return [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": others},
    ]


def fused(parameters):
    """Whether one kernel updates all weights: on a GPU, where it can also skip a step by itself."""
    return True if all(p.is_cuda for p in parameters) else None


@OPTIMIZERS.register("sgd")
class Sgd(torch.optim.SGD):
    """Stochastic gradient descent with Nesterov's momentum.

    Sutskever et al., "On the importance of initialization and momentum in deep learning",
    ICML 2013, equations 3 and 4.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        lr: float = setting(0.1, "learning rate, before the schedule", exclusiveMinimum=0)
        momentum: float = setting(0.9, minimum=0, exclusiveMaximum=1)
        nesterov: bool = True
        weight_decay: float = setting(1e-4, minimum=0)
        decay_all: bool = setting(False, DECAY_ALL)

    def __init__(self, config, parameters):
        super().__init__(
            decay_matrices(parameters, config.weight_decay, config.decay_all),
            lr=config.lr,
            momentum=config.momentum,
            nesterov=config.nesterov and config.momentum > 0,
            fused=fused(parameters),
        )


@dataclass(frozen=True, kw_only=True)
class AdamConfig:
    """Keys of adam and adamw."""

    lr: float = setting(1e-3, "learning rate, before the schedule", exclusiveMinimum=0)
    betas: tuple[Decay, Decay] = setting((0.9, 0.999), "decay of the two moments")
    eps: float = setting(1e-8, exclusiveMinimum=0)
    weight_decay: float = setting(0.0, minimum=0)
    decay_all: bool = setting(False, DECAY_ALL)


def adam_options(config, parameters):
    """Keyword arguments of torch's Adam and AdamW for an AdamConfig."""
    return {
        "lr": config.lr,
        "betas": tuple(config.betas),
        "eps": config.eps,
        "fused": fused(parameters),
    }


@OPTIMIZERS.register("adam")
class Adam(torch.optim.Adam):
    """Kingma and Ba, "Adam: A method for stochastic optimization", ICLR 2015, algorithm 1.

    Its weight decay is added to the gradient; adamw's is not.
    """

    Config = AdamConfig

    def __init__(self, config, parameters):
        super().__init__(
            decay_matrices(parameters, config.weight_decay, config.decay_all),
            **adam_options(config, parameters),
        )


@OPTIMIZERS.register("adamw")
class AdamW(torch.optim.AdamW):
    """Loshchilov and Hutter, "Decoupled weight decay regularization", ICLR 2019, algorithm 2."""

    @dataclass(frozen=True, kw_only=True)
    class Config(AdamConfig):
        weight_decay: float = setting(0.01, minimum=0)

    def __init__(self, config, parameters):
        super().__init__(
            decay_matrices(parameters, config.weight_decay, config.decay_all),
            **adam_options(config, parameters),
        )
