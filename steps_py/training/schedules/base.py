"""What all schedules share: the rate at a step, and what they learn at an epoch's end.

``factor(step)`` is what the optimiser's `lr` is multiplied by at a step counted from 0.  Most
schedules are pure functions of the step.  The others look at the validation once an epoch;
what they remember is in ``state()`` and so in the checkpoint, and a resumed training goes on
at exactly the same rate.
"""

import math
from dataclasses import dataclass

from steps_py.errors import ConfigError, did_you_mean

KEEP, RESET = "keep", "reset"  # what is to be done with the weights
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
class Watch:
    """What "better" means to a schedule that watches a metric."""

    metric: str
    min_change: float  # relative: 0.01 asks for a hundredth of the best value

    def __post_init__(self):
        if self.metric not in METRICS:
            raise ConfigError(
                f"schedule: metric is '{self.metric}'. {did_you_mean(self.metric, METRICS)}"
            )

    def better(self, value, best):
        """Whether `value` beats `best`; no number beats none, and nan beats nothing.

        >>> [Watch(metric="valid_loss", min_change=0.1).better(v, 2.0) for v in (1.7, 1.9)]
        [True, False]
        >>> Watch(metric="valid_accuracy", min_change=0).better(0.5, None)
        True
        """
        if not math.isfinite(value):
            return False
        if best is None:
            return True
        sign = METRICS[self.metric]
        return sign * (value - best) > self.min_change * abs(best)
