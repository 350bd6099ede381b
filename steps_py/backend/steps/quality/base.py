"""What all quality measures share: a number for each utterance of a trial.

MEASURES  ``cls(config)`` with a frozen dataclass ``Config``, the options of the measure;
          ``words(job, dset)``, the tables and files that it reads for a set;
          ``values(utts, *words)``, a number for each utterance.

Shape suffixes (scope: this package):
    N = utterances   D = dimension   T = frames
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from steps_py.errors import BackendError, some
from steps_py.registry import Registry

if TYPE_CHECKING:
    from steps_py.backend.step_job import StepJob

MEASURES = Registry("quality measure", home="steps_py.backend.steps.quality")


class Measure:
    """Base of all measures."""

    def __init__(self, config):
        self.config = config

    def check_place(self, before: Sequence):
        """Raise ConfigError unless the steps before the calibration are those that it needs."""

    def words(self, job: "StepJob", dset: str) -> list[str]:
        """What `values` reads for utterances of a set; each file becomes an input."""
        raise NotImplementedError

    def values(self, utts: list[str], *words: str) -> np.ndarray:
        """The measure of each utterance, float64 (N,)."""
        raise NotImplementedError


def values_of(utts, table, where) -> np.ndarray:
    """The numbers that a dict has for each utterance; BackendError if it lacks some."""
    missing = [utt for utt in utts if utt not in table]
    if missing:
        raise BackendError(
            f"{where}: no value for {len(missing)} utterances of the trials ({some(missing)})."
        )
    return np.array([float(table[utt]) for utt in utts])
