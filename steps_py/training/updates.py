"""From gradients to new weights: all-reduce, clipping, and skipping steps that are not finite."""

from collections.abc import Callable

import torch

from steps_py.model.registries import OPTIMIZERS
from steps_py.training.config import TrainConfig
from steps_py.training.lr_factors import set_lr_factors
from steps_py.training.network import Network
from steps_py.training.non_finite import step_is_finite
from steps_py.training.optimizers.base import reset_state, set_rates
from steps_py.training.processes import ProcessGroup
from steps_py.training.random_state import random_state, set_random_state


class Updates:
    """The optimiser, with gradient scaling, all-reduce and clipping.

    Parameters
    ----------
    config : TrainConfig
    network : Network
    group : ProcessGroup

    Attributes
    ----------
    optimizer : Optimizer
        See `steps_py.model.contracts`.
    base_lr : float
        Learning rate before the schedule.
    """

    def __init__(self, config: TrainConfig, network: Network, group: ProcessGroup):
        self._grad_clip, self._network, self._group = config.grad_clip, network, group
        self._parameters = network.parameters
        self.optimizer = OPTIMIZERS.build(config.optimizer, parameters=network.parameters)
        if config.lr_factors:
            set_lr_factors(self.optimizer, config.lr_factors, network.model, network.loss)
        self.base_lr = self.optimizer.param_groups[0]["lr"]
        # a fused optimiser skips a step on the GPU itself
        self._skips_steps = isinstance(self.optimizer, torch.optim.Optimizer) and all(
            group.get("fused") for group in self.optimizer.param_groups
        )
        self._scaler = torch.amp.GradScaler(
            network.device.type, enabled=network.precision == "fp16"
        )

    def reset_state(self) -> None:
        """Reset the optimiser's state, such as momentum."""
        reset_state(self.optimizer)

    def backward(self, loss: torch.Tensor) -> None:
        """Accumulate the gradient of a micro-batch's loss."""
        self._scaler.scale(loss).backward()

    def step(
        self, lr: float, momentum: float | None, compute: Callable[[], torch.Tensor]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Update the weights, unless loss or gradient is not finite; clear the gradients.

        A `momentum` of None is the optimiser's own.
        ``compute()`` calls `backward` for this process's share of the batch and returns a vector
        whose first value is the loss.  Returns its mean over the processes, and whether the step
        counts as finite, a bool tensor on the device.
        """
        totals, loss, gradients = self._gradients(compute)
        if self._scaler.is_enabled():
            self._scaler.unscale_(self.optimizer)
        good = step_is_finite(loss, gradients)
        if self._grad_clip:
            torch.nn.utils.clip_grad_norm_(self._parameters, self._grad_clip)
        set_rates(self.optimizer, lr, momentum)
        if self._scaler.is_enabled():  # it skips such a step and lowers its scale
            self._scaler.step(self.optimizer)
            self._scaler.update()
            good = loss.isfinite() & (good | (self._scaler._scale >= 1))
        elif self._skips_steps:
            self.optimizer.grad_scale, self.optimizer.found_inf = None, (~good).float()
            self.optimizer.step()
        elif good:
            self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return totals, good

    def _gradients(self, compute):
        """Totals, the loss or losses that must be finite, and gradients, means over processes."""
        perturbs = getattr(self.optimizer, "perturbs_weights", False)
        random = random_state(self._network.device) if perturbs else None
        totals, gradients = self._pass(compute)
        if not perturbs:
            return totals, totals[0], gradients
        with self.optimizer.perturbed(), self._network.kept_buffers():
            set_random_state(self._network.device, random)
            again, gradients = self._pass(compute)
        return totals, totals[0] + again[0], gradients

    def _pass(self, compute):
        totals = compute()
        gradients = [p.grad for p in self._parameters if p.grad is not None]
        self._group.all_reduce_mean(gradients, totals)
        return totals, gradients

    def state(self) -> dict:
        """Values for a checkpoint."""
        state = {"optimizer": self.optimizer.state_dict(), "scaler": self._scaler.state_dict()}
        terms = self._network.terms
        return state | ({"own_optimizers": terms.own_state()} if len(terms) else {})

    def restore(self, state: dict) -> None:
        """Restore a `state`."""
        self.optimizer.load_state_dict(state["optimizer"])
        self._scaler.load_state_dict(state["scaler"])
        if len(self._network.terms):
            self._network.terms.restore_own(state["own_optimizers"])
