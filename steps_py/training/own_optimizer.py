"""An optimiser for modules that an objective trains itself, such as a critic."""

from typing import Any

import torch
from torch import nn

from steps_py.errors import ConfigError
from steps_py.model.registries import OPTIMIZERS
from steps_py.training.non_finite import step_is_finite
from steps_py.training.optimizers.base import reset_state, set_rates
from steps_py.training.processes import ProcessGroup


class OwnOptimizer:
    """Takes steps of its own, with gradients that are averaged over all processes.

    Parameters
    ----------
    section : dict
        Name and keys of the optimiser; its lr is multiplied by that of `step`.
    module : torch.nn.Module
    group : ProcessGroup
    where : str
        Key of the objective, for messages.
    """

    def __init__(self, section: dict[str, Any], module: nn.Module, group: ProcessGroup, where: str):
        self._parameters, self._group = list(module.parameters()), group
        self.optimizer = OPTIMIZERS.build(section, parameters=self._parameters)
        if getattr(self.optimizer, "perturbs_weights", False):
            raise ConfigError(
                f"{where}: optimizer '{section['name']}' takes two passes over a batch. Set"
                " optimizer to another, such as {name: adam, lr: 0.001}."
            )
        self._lr = self.optimizer.param_groups[0]["lr"]

    def step(self, loss: torch.Tensor, lr_factor: float) -> None:
        """Minimise `loss`; a step whose loss or gradient is not finite is skipped."""
        gradients = list(torch.autograd.grad(loss, self._parameters))
        loss = loss.detach().reshape(1)
        self._group.all_reduce_mean(gradients, loss)
        if not step_is_finite(loss[0], gradients):
            return
        for parameter, gradient in zip(self._parameters, gradients, strict=True):
            parameter.grad = gradient
        set_rates(self.optimizer, lr_factor * self._lr)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)

    def reset(self) -> None:
        """Forget everything but the weights, such as momentum."""
        reset_state(self.optimizer)

    def state(self) -> dict:
        """Values for a checkpoint."""
        return {"optimizer": self.optimizer.state_dict()}

    def restore(self, state: dict) -> None:
        """Restore a `state`."""
        self.optimizer.load_state_dict(state["optimizer"])
