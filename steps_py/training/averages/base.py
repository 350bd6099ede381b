"""The contract of averages of weights."""

from collections.abc import Mapping
from typing import Any

import torch


class Average:
    """A running average of the weights of a training.

    Parameters
    ----------
    config : Config
        Of the registered class.
    num_steps, steps_per_epoch : int
        Of the training.

    Attributes
    ----------
    in_training : bool
        The loss is averaged with the model, and validation uses the average.
    statistics_batches : int
        Training batches over which the statistics of batch norm are recomputed with the averaged
        weights; 0: the statistics are averaged as well.
    num_added : int
        Steps whose weights were added.
    """

    in_training: bool = True
    statistics_batches: int = 0
    num_added: int = 0

    def __init__(self, config: Any, num_steps: int, steps_per_epoch: int):
        self.config = config
        self.num_steps, self.steps_per_epoch = num_steps, steps_per_epoch

    def is_due(self, step: int) -> bool:
        """Whether the weights after `step` steps are added."""
        raise NotImplementedError

    def add(self, weights: Mapping[str, torch.Tensor]) -> None:
        """Add the weights of one step."""
        raise NotImplementedError

    def mean(self) -> dict[str, torch.Tensor]:
        """The average, float32; empty if nothing was added."""
        raise NotImplementedError

    def state(self) -> dict:
        """Values for a checkpoint."""
        raise NotImplementedError

    def restore(self, state: dict) -> None:
        """Restore a `state`."""
        raise NotImplementedError
