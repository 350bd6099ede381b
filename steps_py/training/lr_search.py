"""The loss over a rising learning rate, to choose ``train.optimizer.lr``.

Reference: L. Smith, "Cyclical learning rates for training neural networks", WACV 2017, section 3.3.
"""

from collections.abc import Callable

import numpy as np

from steps_py.chunks.batches import translate_loader_failure
from steps_py.errors import StepsError
from steps_py.settings.build import replaced
from steps_py.training.config import Sections, split_stages
from steps_py.training.loop import batches_ahead, translate_out_of_memory
from steps_py.training.lr_curve import LrCurve
from steps_py.training.schedules.base import Schedule
from steps_py.training.trainer import Trainer


class Rise(Schedule):
    """From `first` to `last` times the optimiser's rate, by the same factor at each step.

    >>> rise = Rise(first=0.01, last=1, num_steps=3)
    >>> [round(rise.factor(step), 6) for step in range(3)]
    [0.01, 0.1, 1.0]
    """

    def __init__(self, first: float, last: float, num_steps: int):
        self.first, self.last, self.num_steps = first, last, num_steps

    def factor(self, step: int) -> float:
        return self.first * (self.last / self.first) ** (step / max(1, self.num_steps - 1))


def search_sections(sections: Sections, num_steps: int) -> Sections:
    """The sections of the first stage, as one epoch of `num_steps` steps at a constant rate."""
    first, _ = split_stages(sections)[0]
    changed = {"num_epochs": 1, "steps_per_epoch": num_steps, "schedule": {"name": "constant"}}
    changed |= {"average_epochs": 1, "average": None, "stages": []}
    return first | {"train": replaced(first["train"], "train", **changed)}


def find_lr(
    trainer: Trainer, min_lr: float, max_lr: float, log: Callable[[str], object] = print
) -> LrCurve:
    """Take all steps of a Trainer of `search_sections` at rising rates, until one is not finite.

    Nothing is written, and no checkpoint is read.  Raises StepsError if the first steps are not
    finite.
    """
    trainer.start()
    base_lr = trainer.updates.base_lr
    trainer.schedule = Rise(min_lr / base_lr, max_lr / base_lr, trainer.num_steps)
    rates, losses, before = [], [], 0.0
    with translate_loader_failure(), translate_out_of_memory():
        for batch in batches_ahead(trainer):
            lr = trainer.lr_at(trainer.step)
            trainer.take_step(*batch)
            trainer.fetch_totals()
            if trainer.totals.num_skipped:
                log(f"find_lr: the loss is not finite at lr {lr:.3g}")
                break
            rates.append(lr)
            losses.append(trainer.totals.loss - before)
            before = trainer.totals.loss
            if trainer.finished:
                break
    if not losses:
        raise StepsError(
            f"the loss is not finite at the lowest learning rate, {min_lr:.3g}. Check"
            " the features and train.loss, or lower --min-lr."
        )
    return LrCurve(np.array(rates), np.array(losses))
