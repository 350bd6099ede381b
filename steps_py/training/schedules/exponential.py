"""Exponential decay."""

from dataclasses import dataclass

from steps_py.model.registries import SCHEDULES
from steps_py.settings.declare import setting
from steps_py.training.schedules.base import WARMUP, Schedule


@SCHEDULES.register("exponential")
class Exponential(Schedule):
    """Exponential decay from 1 to `final_ratio`; 0.1 is Kaldi's 0.001 to 0.0001.

    >>> schedule = Exponential(Exponential.Config(), num_steps=2, steps_per_epoch=1)
    >>> [round(schedule.factor(step), 3) for step in range(3)]
    [1.0, 0.316, 0.1]
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        warmup_epochs: float = setting(0.0, WARMUP, minimum=0)
        final_ratio: float = setting(0.1, "final rate as a fraction of lr", exclusiveMinimum=0)

    def shape(self, progress: float) -> float:
        return self.config.final_ratio**progress
