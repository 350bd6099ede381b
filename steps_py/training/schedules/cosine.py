"""Cosine decay."""

import math
from dataclasses import dataclass

from steps_py.model.registries import SCHEDULES
from steps_py.settings.declare import setting
from steps_py.training.schedules.base import WARMUP, Schedule


@SCHEDULES.register("cosine")
class Cosine(Schedule):
    """Half a cosine from 1 to `final_ratio` (Loshchilov and Hutter, SGDR, ICLR 2017, eq. 5).

    >>> schedule = Cosine(Cosine.Config(), num_steps=4, steps_per_epoch=2)
    >>> [round(schedule.factor(step), 3) for step in range(5)]
    [1.0, 0.854, 0.5, 0.146, 0.0]
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        warmup_epochs: float = setting(0.0, WARMUP, minimum=0)
        final_ratio: float = setting(0.0, "final rate as a fraction of lr", minimum=0)

    def shape(self, progress: float) -> float:
        final = self.config.final_ratio
        return final + (1 - final) * 0.5 * (1 + math.cos(math.pi * progress))
