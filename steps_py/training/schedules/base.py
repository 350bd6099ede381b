"""What all schedules share: the rate at a step, and what they learn at an epoch's end.

``factor(step)`` is what the optimiser's `lr` is multiplied by at a step counted from 0.  Most
schedules are pure functions of the step.  The others look at the validation once an epoch;
what they remember is in ``state()`` and so in the checkpoint, and a resumed training goes on
at exactly the same rate.
"""

import math
from dataclasses import dataclass
from typing import Literal

from steps_py.settings.declare import setting

KEEP, RESET = "keep", "reset"  # what is to be done with the weights
WARMUP = "epochs of linear rise to the full rate"
METRICS = {  # of an epoch: name -> 1 if more is better, -1 if less is
    "train_loss": -1,
    "train_accuracy": 1,
    "valid_loss": -1,
    "valid_accuracy": 1,
    "valid_eer": -1,
}


class Schedule:
    """Warm-up, then `shape(progress)` with progress from 0 to 1 over the steps that remain.

    The warm-up rises linearly and reaches 1 at the step after it.
    """

    metric = None  # of METRICS, which `end_epoch` looks at
    keeps_best = False  # true: `end_epoch` may say KEEP and RESET, and training ends with the best
    finished = False  # true: training ends with this epoch

    def __init__(self, config, num_steps, steps_per_epoch):
        self.config = config
        self.warmup_steps = round(config.warmup_epochs * steps_per_epoch)
        self.num_steps, self.steps_per_epoch = num_steps, steps_per_epoch

    def factor(self, step):
        """What lr is multiplied by at `step`."""
        if step < self.warmup_steps:
            return (step + 1) / (self.warmup_steps + 1)
        rest = max(1, self.num_steps - self.warmup_steps)
        return self.shape(min(1.0, (step - self.warmup_steps) / rest))

    def end_epoch(self, value):
        """Take note of `metric`: KEEP these weights as the best, RESET to the best, or None."""

    def state(self):
        """What `end_epoch` has learnt, as plain values."""
        return {}

    def restore(self, state):
        """Go back to a `state`."""


@dataclass(frozen=True, kw_only=True)
class WatchingConfig:
    """Keys of the schedules that watch a metric."""

    warmup_epochs: float = setting(0.0, WARMUP, minimum=0)
    metric: Literal[tuple(METRICS)] = setting("valid_loss", "column of epochs.tsv that is watched")
    patience: int = setting(3, "epochs without a better value that are tolerated", minimum=0)
    min_change: float = setting(
        0.0, "change that counts as better, as a share of the best value", minimum=0
    )


class Watching(Schedule):
    """Lowers its level after more than `patience` epochs without a better value of a metric."""

    def __init__(self, config, num_steps, steps_per_epoch):
        super().__init__(config, num_steps, steps_per_epoch)
        self.metric = config.metric
        self._best, self._bad_epochs, self._level = None, 0, 1.0

    def shape(self, progress):
        return self._level

    def lower(self):
        """Lower `_level`; what is returned is the answer of `end_epoch`."""
        raise NotImplementedError

    def end_epoch(self, value):
        if better(self.config, value, self._best):
            self._best, self._bad_epochs = value, 0
            return KEEP if self.keeps_best else None
        self._bad_epochs += 1
        if self._bad_epochs <= self.config.patience:
            return None
        self._bad_epochs = 0
        return self.lower()

    def state(self):
        return {"best": self._best, "bad_epochs": self._bad_epochs, "level": self._level}

    def restore(self, state):
        self._best, self._bad_epochs = state["best"], state["bad_epochs"]
        self._level = state["level"]


def better(config, value, best):
    """Whether `value` of a WatchingConfig's metric beats `best`.

    Any number beats None, and nan beats nothing.

    >>> config = WatchingConfig(metric="valid_loss", min_change=0.1)
    >>> [better(config, value, 2.0) for value in (1.7, 1.9)]
    [True, False]
    >>> better(WatchingConfig(metric="valid_accuracy"), 0.5, None)
    True
    """
    if not math.isfinite(value):
        return False
    if best is None:
        return True
    sign = METRICS[config.metric]
    return sign * (value - best) > config.min_change * abs(best)
