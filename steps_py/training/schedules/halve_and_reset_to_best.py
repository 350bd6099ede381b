"""Halve the rate and restore the best weights."""

from dataclasses import dataclass

from steps_py.model.registries import SCHEDULES
from steps_py.settings.declare import Count, setting
from steps_py.training.schedules.base import RESET, MetricSchedule, MetricScheduleConfig


@SCHEDULES.register("halve_and_reset_to_best")
class HalveAndResetToBest(MetricSchedule):
    """Halve the rate and restore the best weights after `patience` epochs without improvement.

    The controller of SEQUENS (patience 31, epochs of 400 steps).  The optimiser's state is reset
    with the weights.  Training ends once the rate is below `final_ratio` of lr, or after
    num_epochs; either way final.pt holds the best weights.  From `late_epoch` on the patience is
    `late_patience`, if that is given (3 from epoch 150 in SEQUENS's adversarial recipe).

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
        late_patience: int | None = setting(
            None, "patience from late_epoch on; null: the same", minimum=0
        )
        late_epoch: Count = setting(150, "the first epoch, from 1, with late_patience")

    def __init__(self, config: Config, num_steps: int, steps_per_epoch: int):
        super().__init__(config, num_steps, steps_per_epoch)
        self._epochs = 0

    @property
    def patience(self) -> int:
        late = self.config.late_patience
        return (
            late
            if late is not None and self._epochs >= self.config.late_epoch
            else super().patience
        )

    @property
    def finished(self) -> bool:
        return self._level < self.config.final_ratio

    def end_epoch(self, value):
        self._epochs += 1
        return super().end_epoch(value)

    def state(self):
        return super().state() | {"epochs": self._epochs}

    def restore(self, state):
        super().restore(state)
        self._epochs = state["epochs"]

    def lower(self) -> str | None:
        self._level *= 0.5
        return RESET
