"""Schedules of the learning rate, as pure functions of the step.

``factor(step)`` is what the optimiser's `lr` is multiplied by at a step counted from 0.  All
begin with a linear warm-up, if one is asked for, and nothing is remembered between steps: a
resumed training continues at exactly the same rate.
"""

import math
from dataclasses import dataclass

from steps_py.model.registries import SCHEDULES


class Schedule:
    """Warm-up, then `shape(progress)` with progress from 0 to 1 over the steps that remain."""

    def __init__(self, config, num_steps, steps_per_epoch):
        self.config = config
        self.warmup_steps = round(config.warmup_epochs * steps_per_epoch)
        self.num_steps = num_steps

    def factor(self, step):
        if step < self.warmup_steps:
            return (step + 1) / (self.warmup_steps + 1)
        rest = max(1, self.num_steps - self.warmup_steps)
        return self.shape(min(1.0, (step - self.warmup_steps) / rest))


@SCHEDULES.register("cosine")
class Cosine(Schedule):
    """Half a cosine from 1 to `final_ratio` (Loshchilov and Hutter, SGDR, ICLR 2017, eq. 5).

    >>> schedule = Cosine(Cosine.Config(), num_steps=4, steps_per_epoch=2)
    >>> [round(schedule.factor(step), 3) for step in range(5)]
    [1.0, 0.854, 0.5, 0.146, 0.0]
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        warmup_epochs: float = 0.0
        final_ratio: float = 0.0

    def shape(self, progress):
        final = self.config.final_ratio
        return final + (1 - final) * 0.5 * (1 + math.cos(math.pi * progress))


@SCHEDULES.register("exponential")
class Exponential(Schedule):
    """From 1 to `final_ratio` in equal ratios; 0.1 is Kaldi's 0.001 to 0.0001.

    >>> schedule = Exponential(Exponential.Config(), num_steps=2, steps_per_epoch=1)
    >>> [round(schedule.factor(step), 3) for step in range(3)]
    [1.0, 0.316, 0.1]
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        warmup_epochs: float = 0.0
        final_ratio: float = 0.1

    def shape(self, progress):
        return self.config.final_ratio**progress


@SCHEDULES.register("constant")
class Constant(Schedule):
    """Always 1, after the warm-up."""

    @dataclass(frozen=True, kw_only=True)
    class Config:
        warmup_epochs: float = 0.0

    def shape(self, progress):
        return 1.0
