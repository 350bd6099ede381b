"""Step decay."""

from dataclasses import dataclass
from typing import Annotated

from steps_py.model.registries import SCHEDULES
from steps_py.settings.declare import Keywords, setting
from steps_py.training.schedules.base import WARMUP, Schedule

Epoch = Annotated[float, Keywords(minimum=0)]


@SCHEDULES.register("step")
class Step(Schedule):
    """Multiply the rate by `ratio` at each of `milestones`, or else every `every_epochs` epochs.

    He et al., "Deep residual learning for image recognition", CVPR 2016, section 3.4.  Caffe's
    step policy in Unified Hypersphere Embedding is ratio 0.75 every 2800 iterations.

    >>> schedule = Step(Step.Config(milestones=(1, 2)), num_steps=6, steps_per_epoch=2)
    >>> [round(schedule.factor(step), 3) for step in range(6)]
    [1.0, 1.0, 0.1, 0.1, 0.01, 0.01]
    >>> schedule = Step(Step.Config(ratio=0.5, every_epochs=0.5), num_steps=4, steps_per_epoch=2)
    >>> [schedule.factor(step) for step in range(4)]
    [1.0, 0.5, 0.25, 0.125]
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        warmup_epochs: float = setting(0.0, WARMUP, minimum=0)
        ratio: float = setting(0.1, exclusiveMinimum=0)
        milestones: list[Epoch] = setting([], "epochs, counted from 0; they may be fractions")
        every_epochs: float = setting(10.0, "if there are no milestones", exclusiveMinimum=0)

    def factor(self, step: int) -> float:
        if step < self.warmup_steps:
            return super().factor(step)
        epoch = step / self.steps_per_epoch
        if self.config.milestones:
            num_steps_down = sum(epoch >= milestone for milestone in self.config.milestones)
        else:
            num_steps_down = int(epoch / self.config.every_epochs)
        return self.config.ratio**num_steps_down
