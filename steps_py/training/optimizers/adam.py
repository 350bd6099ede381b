"""Adam."""

from collections.abc import Sequence

import torch

from steps_py.model.registries import OPTIMIZERS
from steps_py.training.optimizers.base import AdamConfig, decay_groups, fused


@OPTIMIZERS.register("adam")
class Adam(torch.optim.Adam):
    """Kingma and Ba, "Adam: A method for stochastic optimization", ICLR 2015, algorithm 1.

    Weight decay is added to the gradient (L2 regularisation), unlike that of adamw.
    """

    Config = AdamConfig

    def __init__(self, config: Config, parameters: Sequence[torch.nn.Parameter]):
        super().__init__(
            decay_groups(parameters, config.weight_decay, config.decay_all),
            lr=config.lr,
            betas=tuple(config.betas),
            eps=config.eps,
            fused=fused(parameters),
        )
