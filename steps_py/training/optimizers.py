"""Optimisers.  Weight decay applies to matrices only, not to biases and norms, by default."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import torch

from steps_py.model.registries import OPTIMIZERS
from steps_py.settings.declare import Keywords, setting

DECAY_ALL = "apply weight decay to biases and norms as well"
Decay = Annotated[float, Keywords(minimum=0, exclusiveMaximum=1)]


def decay_groups(
    parameters: Iterable[torch.nn.Parameter], weight_decay: float, decay_all: bool = False
) -> list[dict[str, Any]]:
    """Two parameter groups: matrices, with `weight_decay`, and all others, without.

    With `decay_all` both groups decay, as in Kaldi's and Caffe's trainers.

    >>> layer = torch.nn.Linear(2, 3)
    >>> [(len(g["params"]), g["weight_decay"]) for g in decay_groups(layer.parameters(), 0.1)]
    [(1, 0.1), (1, 0.0)]
    """
    parameters = list(parameters)
    others = weight_decay if decay_all else 0.0
    return [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": others},
    ]


def fused(parameters: Iterable[torch.nn.Parameter]) -> bool | None:
    """The `fused` argument of torch's optimisers: True on a GPU, which `Updates.step` relies on."""
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

    def __init__(self, config: Config, parameters: Sequence[torch.nn.Parameter]):
        super().__init__(
            decay_groups(parameters, config.weight_decay, config.decay_all),
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


def adam_options(config: AdamConfig, parameters: Sequence[torch.nn.Parameter]) -> dict[str, Any]:
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

    Weight decay is added to the gradient (L2 regularisation), unlike that of adamw.
    """

    Config = AdamConfig

    def __init__(self, config: Config, parameters: Sequence[torch.nn.Parameter]):
        super().__init__(
            decay_groups(parameters, config.weight_decay, config.decay_all),
            **adam_options(config, parameters),
        )


@OPTIMIZERS.register("adamw")
class AdamW(torch.optim.AdamW):
    """Loshchilov and Hutter, "Decoupled weight decay regularization", ICLR 2019, algorithm 2."""

    @dataclass(frozen=True, kw_only=True)
    class Config(AdamConfig):
        weight_decay: float = setting(0.01, minimum=0)

    def __init__(self, config: Config, parameters: Sequence[torch.nn.Parameter]):
        super().__init__(
            decay_groups(parameters, config.weight_decay, config.decay_all),
            **adam_options(config, parameters),
        )
