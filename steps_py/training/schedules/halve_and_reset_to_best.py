"""Halve the rate and restore the best weights."""

from dataclasses import dataclass

from steps_py.model.registries import SCHEDULES
from steps_py.settings.declare import setting
from steps_py.training.schedules.base import RESET, MetricSchedule, MetricScheduleConfig


@SCHEDULES.register("halve_and_reset_to_best")
class HalveAndResetToBest(MetricSchedule):
    """Halve the rate and restore the best weights after `patience` epochs without improvement.

    The controller of SEQUENS (patience 31, epochs of 400 steps).  The optimiser's state is reset
    with the weights.  Training ends once the rate is below `final_ratio` of lr, or after
    num_epochs; either way final.pt holds the best weights.

    >>> config = HalveAndResetToBest.Config(patience=0, final_ratio=0.3)
    >>> schedule = HalveAndResetToBest(config, num_steps=9, steps_per_epoch=1)
    >>> [(schedule.end_epoch(loss), schedule.factor(0), schedule.finished) for loss in (3, 4, 5)]
    [('keep', 1.0, False), ('reset', 0.5, False), ('reset', 0.25, True)]
    """

    keeps_best = True

    @dataclass(frozen=True, kw_only=True)
    class Config(MetricScheduleConfig):
        patience: int = setting(
            31, "epochs without a better value before the rate is halved", minimum=0
        )
        final_ratio: float = setting(
            1e-5, "training ends once the rate is below this fraction of lr", minimum=0
        )

    @property
    def finished(self) -> bool:
        return self._level < self.config.final_ratio

    def lower(self) -> str | None:
        self._level *= 0.5
        return RESET
