"""Cosine decay with warm restarts."""

import math
from dataclasses import dataclass

from steps_py.model.registries import SCHEDULES
from steps_py.settings.declare import Share, setting
from steps_py.training.schedules.base import Schedule


@SCHEDULES.register("cosine_restarts")
class CosineRestarts(Schedule):
    """Half a cosine from 1 to `final_ratio`, again and again; each cycle is `growth` times longer.

    With `restart_ratio` below 1 each cycle starts at that fraction of the start of the one before.
    Loshchilov and Hutter, "SGDR: Stochastic gradient descent with warm restarts", ICLR 2017,
    eq. 5; `growth` is T_mult.

    >>> config = CosineRestarts.Config(first_epochs=1, growth=2, restart_ratio=0.5)
    >>> schedule = CosineRestarts(config, num_steps=6, steps_per_epoch=2)
    >>> [round(schedule.factor(step), 3) for step in range(6)]
    [1.0, 0.5, 0.5, 0.427, 0.25, 0.073]
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        first_epochs: float = setting(10.0, "length of the first cycle", exclusiveMinimum=0)
        growth: float = setting(1.0, "of the length, from cycle to cycle", minimum=1)
        restart_ratio: Share = setting(1.0, "height of a cycle relative to the one before")
        final_ratio: Share = setting(0.0, "lowest rate as a fraction of lr")

    def __init__(self, config: Config, num_steps: int, steps_per_epoch: int):
        self.config = config
        self.num_steps, self.steps_per_epoch = num_steps, steps_per_epoch

    def factor(self, step: int) -> float:
        start, length, height = 0.0, self.config.first_epochs * self.steps_per_epoch, 1.0
        while step >= start + length:
            start, length = start + length, length * self.config.growth
            height *= self.config.restart_ratio
        low = min(self.config.final_ratio, height)
        return low + (height - low) * 0.5 * (1 + math.cos(math.pi * (step - start) / length))
