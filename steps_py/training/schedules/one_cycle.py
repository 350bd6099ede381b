"""One cycle: up and far down, the momentum the other way round."""

import math
from dataclasses import dataclass
from typing import Annotated, Literal

from steps_py.model.registries import SCHEDULES
from steps_py.settings.declare import Keywords, Share, setting
from steps_py.training.schedules.base import Schedule

Momentum = Annotated[float, Keywords(minimum=0, exclusiveMaximum=1)]


@SCHEDULES.register("one_cycle")
class OneCycle(Schedule):
    """From `start_ratio` up to 1 in the share `rise_share` of the training, down to `final_ratio`.

    The momentum (of adam and its variants: the first of `betas`) falls from `max_momentum` to
    `min_momentum` meanwhile, and rises again.

    L. Smith and N. Topin, "Super-convergence: Very fast training of neural networks using large
    learning rates", arXiv:1708.07120, section 3; rates, shape and steps as in PyTorch's OneCycleLR.

    >>> config = OneCycle.Config(start_ratio=0.2, final_ratio=0, rise_share=0.5, shape="linear")
    >>> schedule = OneCycle(config, num_steps=6, steps_per_epoch=2)
    >>> [round(schedule.factor(step), 3) for step in range(6)]
    [0.2, 0.6, 1.0, 0.667, 0.333, 0.0]
    >>> [round(schedule.momentum(step), 3) for step in range(6)]
    [0.95, 0.9, 0.85, 0.883, 0.917, 0.95]
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        start_ratio: Share = setting(0.04, "first rate as a fraction of lr")
        final_ratio: Share = setting(4e-6, "last rate as a fraction of lr")
        rise_share: Share = setting(0.3, "share of the training with a rising rate")
        shape: Literal["cosine", "linear"] = "cosine"
        cycle_momentum: bool = setting(True, "change the momentum as well")
        min_momentum: Momentum = 0.85
        max_momentum: Momentum = 0.95

    def __init__(self, config: Config, num_steps: int, steps_per_epoch: int):
        self.config = config
        self.num_steps, self.steps_per_epoch = num_steps, steps_per_epoch

    def factor(self, step: int) -> float:
        config = self.config
        return self._between(step, config.start_ratio, 1.0, config.final_ratio)

    def momentum(self, step: int) -> float | None:
        config = self.config
        if not config.cycle_momentum:
            return None
        return self._between(step, config.max_momentum, config.min_momentum, config.max_momentum)

    def _between(self, step, start, middle, end):
        """From `start` to `middle` at the peak of the rate, and to `end` at the last step."""
        peak, last = max(self.config.rise_share * self.num_steps - 1, 0), self.num_steps - 1
        if step < peak:
            return start + (middle - start) * self._progress(step / peak)
        progress = (step - peak) / (last - peak) if last > peak else 0.0
        return middle + (end - middle) * self._progress(min(1.0, progress))

    def _progress(self, share):
        return share if self.config.shape == "linear" else 0.5 * (1 - math.cos(math.pi * share))
