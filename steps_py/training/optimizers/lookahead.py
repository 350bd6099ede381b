"""Lookahead: slow weights that follow those of another optimiser."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import torch

from steps_py.model.registries import OPTIMIZERS
from steps_py.settings.declare import Count, Share, setting
from steps_py.training.optimizers.base import ONE_PASS, Wrapper


@OPTIMIZERS.register("lookahead")
class Lookahead(Wrapper):
    r"""After every `sync_steps` steps of `inner`, both weights move to a point between them.

    .. math:: \phi \leftarrow \phi + \alpha (\theta - \phi), \qquad \theta \leftarrow \phi

    with the slow weights phi, the weights theta of the inner optimiser, whose momentum stays as
    it is, and alpha = `slow_share`.

    M. Zhang et al., "Lookahead optimizer: k steps forward, 1 step back", NeurIPS 2019, algorithm 1.

    >>> weight = torch.nn.Parameter(torch.tensor([8.0]))
    >>> sgd = {"name": "sgd", "lr": 1.0, "momentum": 0.0, "weight_decay": 0.0}
    >>> lookahead = Lookahead(Lookahead.Config(inner=sgd, sync_steps=2), [weight])
    >>> for _ in range(3):
    ...     weight.grad = torch.ones(1)
    ...     lookahead.step()
    ...     print(weight.item())    # 8 - 1; 8 - 2 and half way back; 7 - 1
    7.0
    7.0
    6.0
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        inner: Annotated[dict, ONE_PASS] = setting(
            {"name": "sgd"}, "the optimiser whose steps are followed"
        )
        sync_steps: Count = setting(5, "k")
        slow_share: Share = setting(0.5, "alpha; 1 is the inner optimiser alone")

    def __init__(self, config: Config, parameters: Sequence[torch.nn.Parameter]):
        super().__init__(config.inner, parameters)
        self.config = config
        self._slow: list[torch.Tensor] = []
        self._num_steps = 0

    def step(self) -> None:
        """A step of the inner optimiser; after every `sync_steps` of them, of the slow weights."""
        if not self._slow:
            self._slow = [p.detach().clone() for p in self.parameters]
        self.inner.step()
        self._num_steps += 1
        if self._num_steps % self.config.sync_steps == 0:
            with torch.no_grad():
                for slow, p in zip(self._slow, self.parameters, strict=True):
                    slow.lerp_(p, self.config.slow_share)
                    p.copy_(slow)

    def reset_state(self) -> None:
        """Start from the current weights."""
        super().reset_state()
        self._slow, self._num_steps = [], 0

    def state_dict(self) -> dict:
        return super().state_dict() | {"slow": self._slow, "num_steps": self._num_steps}

    def load_state_dict(self, state: dict) -> None:
        super().load_state_dict(state)
        self._num_steps = state["num_steps"]
        pairs = zip(state["slow"], self.parameters, strict=bool(state["slow"]))
        self._slow = [slow.to(p.device, copy=True) for slow, p in pairs]
