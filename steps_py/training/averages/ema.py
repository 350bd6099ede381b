"""Exponential moving average of the weights."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from steps_py.model.registries import AVERAGES
from steps_py.settings.declare import setting
from steps_py.training.averages.base import Average


@AVERAGES.register("ema")
class Ema(Average):
    r"""After each step a weight counts `decay` times less than those of the next.

    .. math:: m_n = \frac{1-d}{1-d^n} \sum_{i=1}^n d^{\,n-i} w_i

    so that the first steps are averaged evenly and the initial weights do not count.  The
    statistics of batch norm are averaged like weights.

    B. Polyak and A. Juditsky, "Acceleration of stochastic approximation by averaging", SIAM J.
    Control Optim. 30, 1992; the correction for the start as in Adam (Kingma and Ba, ICLR 2015).

    >>> average = Ema(Ema.Config(decay=0.5), num_steps=2, steps_per_epoch=1)
    >>> for value in (1.0, 4.0):
    ...     average.add({"w": torch.tensor([value])})
    >>> average.mean()    # (0.5 * 1 + 4) / 1.5
    {'w': tensor([3.])}
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        decay: float = setting(0.999, "per step", minimum=0, exclusiveMaximum=1)

    def __init__(self, config: Config, num_steps: int, steps_per_epoch: int):
        super().__init__(config, num_steps, steps_per_epoch)
        self._means: dict[str, torch.Tensor] = {}

    def is_due(self, step: int) -> bool:
        return True

    def add(self, weights: Mapping[str, torch.Tensor]) -> None:
        self.num_added += 1
        share = (1 - self.config.decay) / (1 - self.config.decay**self.num_added)
        for name, x in weights.items():
            x = x.detach().float()
            mean = self._means[name].to(x.device) if name in self._means else torch.zeros_like(x)
            # statistics are not finite for a while after a step that is skipped
            self._means[name] = mean.lerp_(torch.where(x.isfinite(), x, mean), share)

    def mean(self) -> dict[str, torch.Tensor]:
        return dict(self._means)

    def state(self) -> dict:
        return {"means": dict(self._means), "num": self.num_added}

    def restore(self, state: dict) -> None:
        self._means = {name: x.clone() for name, x in state["means"].items()}
        self.num_added = state["num"]
