"""Constant learning rate."""

from dataclasses import dataclass

from steps_py.model.registries import SCHEDULES
from steps_py.settings.declare import setting
from steps_py.training.schedules.base import WARMUP, Schedule


@SCHEDULES.register("constant")
class Constant(Schedule):
    """Constant at 1 after the warm-up.

    >>> schedule = Constant(Constant.Config(warmup_epochs=2), num_steps=9, steps_per_epoch=1)
    >>> [round(schedule.factor(step), 3) for step in range(4)]
    [0.333, 0.667, 1.0, 1.0]
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        warmup_epochs: float = setting(0.0, WARMUP, minimum=0)

    def shape(self, progress: float) -> float:
        return 1.0
