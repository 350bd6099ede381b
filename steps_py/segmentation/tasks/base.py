"""The contract of tasks.

Shape suffixes (scope: this package):
    B = windows of a batch   T = frames   S = speakers   K = classes   P = permutations
"""

from typing import Any

import numpy as np
import torch

from steps_py.model.loss import Loss
from steps_py.registry import Registry

TASKS = Registry("segmentation task", home="steps_py.segmentation.tasks")


class Task(Loss):
    """The classes of frames, and their loss.

    Parameters
    ----------
    config : Config
        Of the registered class.

    Attributes
    ----------
    num_classes : int
    local_speakers : int
        Speakers that it tells apart within a window; 0: it counts them only.
    """

    num_classes: int
    local_speakers: int = 0

    def __init__(self, config: Any):
        super().__init__()
        self.config = config

    def target(self, active_TS: np.ndarray) -> np.ndarray:
        """What `forward` compares with, of a window in which S speakers speak or not.

        Its shape depends on T alone, not on the number of speakers, 0 included.
        """
        raise NotImplementedError

    def forward(
        self, logits_BTK: torch.Tensor, target_B: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean loss of the frames, and the fraction of them that are classified correctly."""
        raise NotImplementedError

    def count_probabilities(self, probability_TK: np.ndarray) -> np.ndarray:
        """Probabilities of nobody, one and several speakers in each frame, (T, 3)."""
        raise NotImplementedError


def by_talking_time(active_TS: np.ndarray, num_speakers: int) -> np.ndarray:
    """The `num_speakers` columns with most frames, bool (T, num_speakers); missing ones are false.

    >>> active_TS = np.array([[1, 0, 1], [0, 0, 1]], bool)
    >>> by_talking_time(active_TS, 2).astype(int).tolist()
    [[1, 1], [1, 0]]
    """
    chosen_TS = np.zeros((len(active_TS), num_speakers), bool)
    order = np.argsort(-active_TS.sum(axis=0), kind="stable")[:num_speakers]
    chosen_TS[:, : len(order)] = active_TS[:, order]
    return chosen_TS
