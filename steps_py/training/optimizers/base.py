"""What the optimisers share: parameter groups, the keys of Adam's family, wrapped optimisers."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import torch

from steps_py.model.registries import OPTIMIZERS
from steps_py.settings.declare import Keywords, part, setting

DECAY_ALL = "apply weight decay to biases and norms as well"
LR = "learning rate, before the schedule"
ONE_PASS = part(  # an inner optimiser: only the outermost can take a step in two passes
    "optimizer",
    facts={"perturbs_weights": None},
    cure="Put it outside: {name: sam, inner: {name: lookahead}}.",
)
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
    """The `fused` argument of torch's optimisers: True on a GPU.

    `Updates.step` then skips a step there without waiting for the GPU.
    """
    return True if all(p.is_cuda for p in parameters) else None


@dataclass(frozen=True, kw_only=True)
class AdamConfig:
    """Keys of Adam and its variants."""

    lr: float = setting(1e-3, LR, exclusiveMinimum=0)
    betas: tuple[Decay, Decay] = setting((0.9, 0.999), "decay of the two moments")
    eps: float = setting(1e-8, exclusiveMinimum=0)
    weight_decay: float = setting(0.0, minimum=0)
    decay_all: bool = setting(False, DECAY_ALL)


class Wrapper:
    """Base of optimisers that change the steps of another one, `inner`.

    The learning rate and the parameter groups are those of `inner`.

    Parameters
    ----------
    section : dict
        Name and keys of the inner optimiser.
    parameters : list of torch.nn.Parameter
    """

    def __init__(self, section: dict[str, Any], parameters: Sequence[torch.nn.Parameter]):
        self.inner = OPTIMIZERS.build(section, parameters=parameters)
        self.parameters = list(parameters)

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        return self.inner.param_groups

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Clear the gradients."""
        self.inner.zero_grad(set_to_none=set_to_none)

    def step(self) -> None:
        """Update the weights."""
        self.inner.step()

    def reset_state(self) -> None:
        """Forget everything but the weights."""
        reset_state(self.inner)

    def state_dict(self) -> dict:
        """State for a checkpoint."""
        return {"inner": self.inner.state_dict()}

    def load_state_dict(self, state: dict) -> None:
        """Restore a `state_dict`."""
        self.inner.load_state_dict(state["inner"])


def set_rates(optimizer: Any, lr: float, momentum: float | None = None) -> None:
    """Set the learning rate, and the momentum: in Adam's family the decay of the first moment.

    A group's ``lr_factor`` multiplies its learning rate.

    >>> optimizer = torch.optim.Adam([torch.nn.Parameter(torch.ones(1))])
    >>> set_rates(optimizer, 0.5, momentum=0.8)
    >>> optimizer.param_groups[0]["lr"], optimizer.param_groups[0]["betas"]
    (0.5, (0.8, 0.999))
    """
    for group in optimizer.param_groups:
        group["lr"] = lr * group.get("lr_factor", 1.0)
        if momentum is not None and "betas" in group:
            group["betas"] = (momentum, group["betas"][1])
        elif momentum is not None:
            group["momentum"] = momentum


def has_momentum(optimizer: Any) -> bool:
    """Whether `set_rates` can set a momentum.

    >>> has_momentum(torch.optim.Adagrad([torch.nn.Parameter(torch.ones(1))]))
    False
    """
    return all({"momentum", "betas"} & group.keys() for group in optimizer.param_groups)


def reset_state(optimizer: Any) -> None:
    """Forget everything but the weights, such as momentum.

    An optimiser whose state is not only in its `state` has a method ``reset_state()``.
    """
    if hasattr(optimizer, "reset_state"):
        optimizer.reset_state()
    else:
        optimizer.state.clear()
