"""Inverse square root decay."""

from dataclasses import dataclass

from steps_py.model.registries import SCHEDULES
from steps_py.settings.declare import Count
from steps_py.training.schedules.base import Schedule


@SCHEDULES.register("noam")
class Noam(Schedule):
    """Linear warm-up to 1 in `warmup_steps` steps, then decay with the inverse root of the step.

    Vaswani et al., "Attention is all you need", NeurIPS 2017, eq. 3, divided by its peak, so
    that the optimiser's `lr` is the largest rate.  multitask_asv's ``lr * min(n ** -0.5,
    n * 500 ** -1.5)`` with lr 0.001 is the same with an `lr` of 0.001 / sqrt(500).

    >>> schedule = Noam(Noam.Config(warmup_steps=4), num_steps=16, steps_per_epoch=4)
    >>> [round(schedule.factor(step), 3) for step in (0, 1, 2, 3, 4, 15)]
    [0.25, 0.5, 0.75, 1.0, 0.894, 0.5]
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        warmup_steps: Count = 500

    def __init__(self, config: Config, num_steps: int, steps_per_epoch: int):
        self.config = config
        self.num_steps, self.steps_per_epoch = num_steps, steps_per_epoch

    def factor(self, step: int) -> float:
        number, warmup = step + 1, self.config.warmup_steps
        return min(number / warmup, (warmup / number) ** 0.5)
