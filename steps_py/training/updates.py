"""From gradients to new weights: all-reduce, clipping, and skipping steps that are not finite."""

import torch

from steps_py.model.registries import OPTIMIZERS
from steps_py.training.config import TrainConfig
from steps_py.training.network import Network
from steps_py.training.non_finite import step_is_finite
from steps_py.training.processes import ProcessGroup


class Updates:
    """The optimiser, with gradient scaling, all-reduce and clipping.

    Parameters
    ----------
    config : TrainConfig
    network : Network
    group : ProcessGroup

    Attributes
    ----------
    optimizer : torch.optim.Optimizer
    base_lr : float
        Learning rate before the schedule.
    """

    def __init__(self, config: TrainConfig, network: Network, group: ProcessGroup):
        self._grad_clip, self._parameters, self._group = config.grad_clip, network.parameters, group
        self.optimizer = OPTIMIZERS.build(config.optimizer, parameters=network.parameters)
        self.base_lr = self.optimizer.param_groups[0]["lr"]
        self._on_cpu = network.device.type == "cpu"
        self._scaler = torch.amp.GradScaler(
            network.device.type, enabled=network.precision == "fp16"
        )
        self.reset_state()

    def reset_state(self) -> None:
        """Reset the optimiser's state, such as momentum."""
        self.optimizer.state.clear()
        if not self._on_cpu and isinstance(self.optimizer, torch.optim.SGD):
            for p in self._parameters:  # a fused SGD that skips its first step leaves it unset
                self.optimizer.state[p]["momentum_buffer"] = torch.zeros_like(p)

    def backward(self, loss: torch.Tensor) -> None:
        """Accumulate the gradient of a micro-batch's loss."""
        self._scaler.scale(loss).backward()

    def step(self, lr: float, totals: torch.Tensor) -> torch.Tensor:
        """Update the weights, unless loss or gradient is not finite; clear the gradients.

        `totals` is a vector whose first value is the loss; it is averaged over the processes
        in place.  Returns a bool tensor on the device: whether the step counts as finite.
        """
        gradients = [p.grad for p in self._parameters if p.grad is not None]
        self._group.all_reduce_mean(gradients, totals)
        if self._scaler.is_enabled():
            self._scaler.unscale_(self.optimizer)
        good = step_is_finite(totals[0], gradients)
        if self._grad_clip:
            torch.nn.utils.clip_grad_norm_(self._parameters, self._grad_clip)
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        if self._scaler.is_enabled():  # it skips such a step and lowers its scale
            self._scaler.step(self.optimizer)
            self._scaler.update()
            good = totals[0].isfinite() & (good | (self._scaler._scale >= 1))
        elif self._on_cpu:
            if good:
                self.optimizer.step()
        else:  # a fused optimiser skips the step on the GPU, without synchronising
            self.optimizer.grad_scale, self.optimizer.found_inf = None, (~good).float()
            self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return good

    def state(self) -> dict:
        """Values for a checkpoint."""
        return {"optimizer": self.optimizer.state_dict(), "scaler": self._scaler.state_dict()}

    def restore(self, state: dict) -> None:
        """Restore a `state`."""
        self.optimizer.load_state_dict(state["optimizer"])
        self._scaler.load_state_dict(state["scaler"])
