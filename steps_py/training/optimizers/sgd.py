"""Stochastic gradient descent."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from steps_py.model.registries import OPTIMIZERS
from steps_py.settings.declare import setting
from steps_py.training.optimizers.base import DECAY_ALL, LR, decay_groups, fused


@OPTIMIZERS.register("sgd")
class Sgd(torch.optim.SGD):
    """Stochastic gradient descent with Nesterov's momentum.

    Sutskever et al., "On the importance of initialization and momentum in deep learning",
    ICML 2013, equations 3 and 4.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        lr: float = setting(0.1, LR, exclusiveMinimum=0)
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
        self.reset_state()

    def reset_state(self) -> None:
        """Forget the momentum."""
        self.state.clear()
        for group in self.param_groups:
            for p in group["params"] if group["fused"] else ():
                # a fused step that is skipped leaves a missing buffer unset
                self.state[p]["momentum_buffer"] = torch.zeros_like(p)
