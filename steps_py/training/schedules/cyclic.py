"""Triangular cycles."""

from dataclasses import dataclass
from typing import Literal

from steps_py.model.registries import SCHEDULES
from steps_py.settings.declare import setting
from steps_py.training.schedules.base import Schedule


@SCHEDULES.register("cyclic")
class Cyclic(Schedule):
    """Linear from `min_ratio` to 1 in `up_epochs` epochs and back, repeated.

    "triangular2" halves the amplitude after each cycle.  L. Smith, "Cyclical learning rates for
    training neural networks", WACV 2017, section 3.

    >>> config = Cyclic.Config(up_epochs=1, min_ratio=0.2, mode="triangular2")
    >>> schedule = Cyclic(config, num_steps=12, steps_per_epoch=2)
    >>> [round(schedule.factor(step), 3) for step in range(8)]
    [0.2, 0.6, 1.0, 0.6, 0.2, 0.4, 0.6, 0.4]
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        up_epochs: float = setting(2.0, "epochs from lowest to highest rate", exclusiveMinimum=0)
        min_ratio: float = setting(1e-3, "lowest rate as a fraction of lr", minimum=0, maximum=1)
        mode: Literal["triangular", "triangular2"] = "triangular"

    def __init__(self, config: Config, num_steps: int, steps_per_epoch: int):
        self.config = config
        self.num_steps, self.steps_per_epoch = num_steps, steps_per_epoch

    def factor(self, step: int) -> float:
        cycles = step / (2 * self.config.up_epochs * self.steps_per_epoch)
        height = 1 - abs(2 * (cycles % 1) - 1)
        if self.config.mode == "triangular2":
            height /= 2 ** int(cycles)
        return self.config.min_ratio + (1 - self.config.min_ratio) * height
