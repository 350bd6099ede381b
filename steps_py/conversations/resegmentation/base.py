"""The contract of resegmentations."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from steps_py.conversations.clustered import Clustered
from steps_py.registry import Registry

RESEGMENTATIONS = Registry("resegmentation", home="steps_py.conversations.resegmentation")


class Resegmentation:
    """Finds the speakers of windows again, with the speakers of a clustering to start from."""

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """Without options."""

    def __init__(self, config: Any):
        self.config = config

    def rows(self, clustered: Clustered) -> np.ndarray:
        """For each window the number of its speaker in ``clustered.speakers``, int (N,)."""
        raise NotImplementedError
