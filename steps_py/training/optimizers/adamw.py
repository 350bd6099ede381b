"""Adam with decoupled weight decay."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from steps_py.model.registries import OPTIMIZERS
from steps_py.settings.declare import setting
from steps_py.training.optimizers.base import AdamConfig, decay_groups, fused


@OPTIMIZERS.register("adamw")
class AdamW(torch.optim.AdamW):
    """Loshchilov and Hutter, "Decoupled weight decay regularization", ICLR 2019, algorithm 2."""

    @dataclass(frozen=True, kw_only=True)
    class Config(AdamConfig):
        weight_decay: float = setting(0.01, minimum=0)

    def __init__(self, config: Config, parameters: Sequence[torch.nn.Parameter]):
        super().__init__(
            decay_groups(parameters, config.weight_decay, config.decay_all),
            lr=config.lr,
            betas=tuple(config.betas),
            eps=config.eps,
            fused=fused(parameters),
        )
