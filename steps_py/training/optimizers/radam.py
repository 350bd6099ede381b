"""Rectified Adam."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from steps_py.model.registries import OPTIMIZERS
from steps_py.settings.declare import setting
from steps_py.training.optimizers.base import AdamConfig, decay_groups


@OPTIMIZERS.register("radam")
class RAdam(torch.optim.RAdam):
    """Liu et al., "On the variance of the adaptive learning rate and beyond", ICLR 2020, alg. 2.

    The adaptive rate of Adam is used only once its variance is known, after five steps, and
    is rectified then, so that no warm-up is needed.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config(AdamConfig):
        decoupled: bool = setting(False, "weight decay as in adamw, not as a part of the gradient")

    def __init__(self, config: Config, parameters: Sequence[torch.nn.Parameter]):
        super().__init__(
            decay_groups(parameters, config.weight_decay, config.decay_all),
            lr=config.lr,
            betas=tuple(config.betas),
            eps=config.eps,
            decoupled_weight_decay=config.decoupled,
        )
