"""Lower rate where a metric does not improve."""

from dataclasses import dataclass

from steps_py.model.registries import SCHEDULES
from steps_py.settings.declare import setting
from steps_py.training.schedules.base import MetricSchedule, MetricScheduleConfig


@SCHEDULES.register("plateau")
class Plateau(MetricSchedule):
    """Multiply the rate by `ratio` after more than `patience` epochs without a better `metric`.

    A value is better if it improves on the best one by the fraction `min_change`.  The rate
    stays at or above `min_ratio`.  SpeakerVerification-pytorch uses ratio 0.1 and
    patience 3.

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
    class Config(MetricScheduleConfig):
        ratio: float = setting(0.1, exclusiveMinimum=0, maximum=1)
        min_ratio: float = setting(1e-4, "lowest rate as a fraction of lr", minimum=0, maximum=1)

    def lower(self) -> str | None:
        self._level = max(self.config.min_ratio, self._level * self.config.ratio)
