"""Lower where nothing improves."""

from dataclasses import dataclass

from steps_py.model.registries import SCHEDULES
from steps_py.training.schedules.base import Schedule, Watch


@SCHEDULES.register("plateau")
class Plateau(Schedule):
    """Times `ratio` after more than `patience` epochs in which `metric` got no better.

    An epoch is better if it beats the best one by `min_change` of it.  The rate never falls
    below `min_ratio`.  SpeakerVerification-pytorch trains with ratio 0.1 and patience 3.

    >>> config = Plateau.Config(ratio=0.5, patience=1)
    >>> schedule = Plateau(config, num_steps=9, steps_per_epoch=1)
    >>> for loss in (3.0, 2.0, 2.5, 2.1):
    ...     schedule.end_epoch(loss)
    ...     print(schedule.factor(0), schedule.state()["bad_epochs"])
    1.0 0
    1.0 0
    1.0 1
    0.5 0
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        warmup_epochs: float = 0.0
        metric: str = "valid_loss"
        ratio: float = 0.1
        patience: int = 3
        min_change: float = 0.0
        min_ratio: float = 1e-4

    def __init__(self, config, num_steps, steps_per_epoch):
        super().__init__(config, num_steps, steps_per_epoch)
        self.metric = config.metric
        self._watch = Watch(metric=config.metric, min_change=config.min_change)
        self._best, self._bad_epochs, self._level = None, 0, 1.0

    def shape(self, progress):
        return self._level

    def end_epoch(self, value):
        if self._watch.better(value, self._best):
            self._best, self._bad_epochs = value, 0
            return
        self._bad_epochs += 1
        if self._bad_epochs > self.config.patience:
            self._level = max(self.config.min_ratio, self._level * self.config.ratio)
            self._bad_epochs = 0

    def state(self):
        return {"best": self._best, "bad_epochs": self._bad_epochs, "level": self._level}

    def restore(self, state):
        self._best, self._bad_epochs = state["best"], state["bad_epochs"]
        self._level = state["level"]
