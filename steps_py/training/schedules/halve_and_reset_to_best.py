"""Halve the rate and go back to the best weights."""

from dataclasses import dataclass

from steps_py.model.registries import SCHEDULES
from steps_py.training.schedules.base import KEEP, RESET, Schedule, Watch


@SCHEDULES.register("halve_and_reset_to_best")
class HalveAndResetToBest(Schedule):
    """After more than `patience` epochs without a better `metric`: half the rate, best weights.

    The controller of SEQUENS (patience 31, epochs of 400 steps).  The optimiser's momentum
    starts anew with the weights.  Training ends once the rate is below `final_ratio` of lr, or
    after num_epochs; either way final.pt holds the best weights.

    >>> config = HalveAndResetToBest.Config(patience=0, final_ratio=0.3)
    >>> schedule = HalveAndResetToBest(config, num_steps=9, steps_per_epoch=1)
    >>> [(schedule.end_epoch(loss), schedule.factor(0), schedule.finished) for loss in (3, 4, 5)]
    [('keep', 1.0, False), ('reset', 0.5, False), ('reset', 0.25, True)]
    """

    keeps_best = True

    @dataclass(frozen=True, kw_only=True)
    class Config:
        warmup_epochs: float = 0.0
        metric: str = "valid_loss"
        patience: int = 31
        min_change: float = 0.0
        final_ratio: float = 1e-5

    def __init__(self, config, num_steps, steps_per_epoch):
        super().__init__(config, num_steps, steps_per_epoch)
        self.metric = config.metric
        self._watch = Watch(metric=config.metric, min_change=config.min_change)
        self._best, self._bad_epochs, self._level = None, 0, 1.0

    @property
    def finished(self):
        return self._level < self.config.final_ratio

    def shape(self, progress):
        return self._level

    def end_epoch(self, value):
        if self._watch.better(value, self._best):
            self._best, self._bad_epochs = value, 0
            return KEEP
        self._bad_epochs += 1
        if self._bad_epochs <= self.config.patience:
            return None
        self._level *= 0.5
        self._bad_epochs = 0
        return RESET

    def state(self):
        return {"best": self._best, "bad_epochs": self._bad_epochs, "level": self._level}

    def restore(self, state):
        self._best, self._bad_epochs = state["best"], state["bad_epochs"]
        self._level = state["level"]
