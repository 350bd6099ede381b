"""Base classes of learning-rate schedules.

``factor(step)`` multiplies the optimiser's `lr` at a step counted from 0.  Most schedules are pure
functions of the step.  The others depend on a metric of each epoch; their ``state()`` is part of
the checkpoint, so that a resumed training continues at exactly the same rate.
"""

import math
from dataclasses import dataclass
from typing import Any, Literal

from steps_py.settings.declare import setting

KEEP, RESET = "keep", "reset"  # actions on the weights, returned by `end_epoch`
WARMUP = "epochs of linear rise to the full rate"
METRICS = {  # column of epochs.tsv -> 1 if higher is better, -1 if lower is
    "train_loss": -1,
    "train_accuracy": 1,
    "valid_loss": -1,
    "valid_accuracy": 1,
    "valid_eer": -1,
}


class Schedule:
    """Warm-up, then `shape(progress)` with progress from 0 to 1 over the steps that remain.

    The warm-up rises linearly and reaches 1 at the step after it.

    Parameters
    ----------
    config : Config
        Of the registered class.
    num_steps, steps_per_epoch : int
        Of the training.

    Attributes
    ----------
    metric : str or None
        The value of METRICS that `end_epoch` is called with.
    keeps_best : bool
        `end_epoch` may return KEEP and RESET, and training ends with the best weights.
    finished : bool
        Training ends with this epoch.
    """

    metric: str | None = None
    keeps_best: bool = False
    finished: bool = False

    def __init__(self, config: Any, num_steps: int, steps_per_epoch: int):
        self.config = config
        self.warmup_steps = round(config.warmup_epochs * steps_per_epoch)
        self.num_steps, self.steps_per_epoch = num_steps, steps_per_epoch

    def factor(self, step: int) -> float:
        """Factor of lr at `step`."""
        if step < self.warmup_steps:
            return (step + 1) / (self.warmup_steps + 1)
        num_steps = max(1, self.num_steps - self.warmup_steps)
        return self.shape(min(1.0, (step - self.warmup_steps) / num_steps))

    def momentum(self, step: int) -> float | None:
        """Momentum of the optimiser at `step`; None: its own."""

    def shape(self, progress: float) -> float:
        """Factor of lr after the warm-up; `progress` runs from 0 to 1."""
        raise NotImplementedError

    def end_epoch(self, value: float | None) -> str | None:
        """Update with the epoch's value of `metric`.

        Returns KEEP (the current weights are the best), RESET (to the best weights) or None.
        """

    def state(self) -> dict:
        """State that `end_epoch` changes, as plain values."""
        return {}

    def restore(self, state: dict) -> None:
        """Restore a `state`."""


@dataclass(frozen=True, kw_only=True)
class MetricScheduleConfig:
    """Keys of the schedules that depend on a metric."""

    warmup_epochs: float = setting(0.0, WARMUP, minimum=0)
    metric: Literal[tuple(METRICS)] = setting(
        "valid_loss", "column of epochs.tsv that the schedule depends on"
    )
    patience: int = setting(
        3, "epochs without a better value before the rate is lowered", minimum=0
    )
    min_change: float = setting(0.0, "relative change that counts as better", minimum=0)


class MetricSchedule(Schedule):
    """Lowers the rate after more than `patience` epochs without a better value of a metric."""

    def __init__(self, config: MetricScheduleConfig, num_steps: int, steps_per_epoch: int):
        super().__init__(config, num_steps, steps_per_epoch)
        self.metric = config.metric
        self._best, self._bad_epochs, self._level = None, 0, 1.0

    @property
    def patience(self) -> int:
        """Epochs without a better value before the rate is lowered, at this epoch."""
        return self.config.patience

    def shape(self, progress):
        return self._level

    def lower(self) -> str | None:
        """Lower `_level`; returns the action of `end_epoch`."""
        raise NotImplementedError

    def end_epoch(self, value):
        if is_better(self.config, value, self._best):
            self._best, self._bad_epochs = value, 0
            return KEEP if self.keeps_best else None
        self._bad_epochs += 1
        if self._bad_epochs <= self.patience:
            return None
        self._bad_epochs = 0
        return self.lower()

    def state(self):
        return {"best": self._best, "bad_epochs": self._bad_epochs, "level": self._level}

    def restore(self, state):
        self._best, self._bad_epochs = state["best"], state["bad_epochs"]
        self._level = state["level"]


def is_better(config: MetricScheduleConfig, value: float, best: float | None) -> bool:
    """Whether `value` of the config's metric is better than `best`.

    Any finite number is better than None; a value that is not finite is never better.

    >>> config = MetricScheduleConfig(metric="valid_loss", min_change=0.1)
    >>> [is_better(config, value, 2.0) for value in (1.7, 1.9)]
    [True, False]
    >>> is_better(MetricScheduleConfig(metric="valid_accuracy"), 0.5, None)
    True
    """
    if not math.isfinite(value):
        return False
    if best is None:
        return True
    sign = METRICS[config.metric]
    return sign * (value - best) > config.min_change * abs(best)
