"""From gradients to new weights: the mean over processes, clipping, and leaving a bad step out."""

import torch

from steps_py.model.registries import OPTIMIZERS
from steps_py.training.non_finite import is_good


class Updates:
    """The optimiser with all that stands between it and the gradients.

    Parameters
    ----------
    config : TrainConfig
    network : Network
    ranks : Ranks
    """

    def __init__(self, config, network, ranks):
        self._grad_clip, self._parameters, self._ranks = config.grad_clip, network.parameters, ranks
        self.optimizer = OPTIMIZERS.build(config.optimizer, parameters=network.parameters)
        self.base_lr = self.optimizer.param_groups[0]["lr"]
        self._on_cpu = network.device.type == "cpu"
        self._scaler = torch.amp.GradScaler(
            network.device.type, enabled=network.precision == "fp16"
        )
        self.forget()

    def forget(self):
        """Let the optimiser start anew, without momentum."""
        self.optimizer.state.clear()
        if not self._on_cpu and isinstance(self.optimizer, torch.optim.SGD):
            for p in self._parameters:  # a fused SGD that skips its first step would not set it
                self.optimizer.state[p]["momentum_buffer"] = torch.zeros_like(p)

    def backward(self, loss):
        """Add the gradient of a part's loss."""
        self._scaler.scale(loss).backward()

    def step(self, lr, told):
        """Take the step, unless it is not finite; the gradients are gone then.

        `told` is a vector whose mean over the processes is taken along; its first is the loss.
        Returns a tensor on the device: whether the step counts as good.
        """
        gradients = [p.grad for p in self._parameters if p.grad is not None]
        self._ranks.mean(gradients, told)
        if self._scaler.is_enabled():
            self._scaler.unscale_(self.optimizer)
        good = is_good(told[0], gradients)
        if self._grad_clip:
            torch.nn.utils.clip_grad_norm_(self._parameters, self._grad_clip)
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        if self._scaler.is_enabled():  # it leaves such a step out, and lowers its scale
            self._scaler.step(self.optimizer)
            self._scaler.update()
            good = told[0].isfinite() & (good | (self._scaler._scale >= 1))
        elif self._on_cpu:
            if good:
                self.optimizer.step()
        else:  # fused on a GPU: it skips there by itself, and nobody waits
            self.optimizer.grad_scale, self.optimizer.found_inf = None, (~good).float()
            self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return good

    def state(self):
        return {"optimizer": self.optimizer.state_dict(), "scaler": self._scaler.state_dict()}

    def restore(self, state):
        self.optimizer.load_state_dict(state["optimizer"])
        self._scaler.load_state_dict(state["scaler"])
