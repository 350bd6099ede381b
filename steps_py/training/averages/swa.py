"""Stochastic weight averaging."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from steps_py.model.registries import AVERAGES
from steps_py.settings.declare import Count, Share, setting
from steps_py.training.averages.base import Average


@AVERAGES.register("swa")
class Swa(Average):
    """The mean of the weights at regular steps of the last part of the training.

    The last step is one of them.  The statistics of batch norm are recomputed over training
    batches, as those of the averaged networks do not fit.  Use a schedule whose rate stays high,
    such as constant, cyclic or cosine_restarts with a cycle of `every_epochs`.

    P. Izmailov et al., "Averaging weights leads to wider optima and better generalization", UAI
    2018, algorithm 1.

    >>> average = Swa(Swa.Config(every_epochs=0.5), num_steps=16, steps_per_epoch=4)
    >>> [step for step in range(17) if average.is_due(step)]    # after the first 12
    [14, 16]
    >>> for value in (1.0, 4.0):
    ...     average.add({"w": torch.tensor([value])})
    >>> average.mean()
    {'w': tensor([2.5000])}
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        start_share: Share = setting(0.75, "share of the training before the first weights")
        every_epochs: float = setting(1.0, "may be a fraction", exclusiveMinimum=0)
        statistics_batches: Count = setting(
            100, "training batches for the statistics of batch norm, an epoch at most"
        )

    def __init__(self, config: Config, num_steps: int, steps_per_epoch: int):
        super().__init__(config, num_steps, steps_per_epoch)
        self.statistics_batches = config.statistics_batches
        self._sums: dict[str, torch.Tensor] = {}  # float64, on the CPU

    def is_due(self, step: int) -> bool:
        every = max(1, round(self.config.every_epochs * self.steps_per_epoch))
        is_late = step > self.config.start_share * self.num_steps or step == self.num_steps
        return is_late and (self.num_steps - step) % every == 0

    def add(self, weights: Mapping[str, torch.Tensor]) -> None:
        for name, x in weights.items():
            self._sums[name] = self._sums.get(name, 0) + x.detach().cpu().double()
        self.num_added += 1

    def mean(self) -> dict[str, torch.Tensor]:
        return {name: (x / self.num_added).float() for name, x in self._sums.items()}

    def state(self) -> dict:
        return {"sums": dict(self._sums), "num": self.num_added}

    def restore(self, state: dict) -> None:
        self._sums, self.num_added = dict(state["sums"]), state["num"]
