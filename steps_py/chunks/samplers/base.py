"""The contract of samplers, and what they share: utterances by speaker, rounds of speakers.

Array suffixes (scope: this package):
    B = chunks of a batch   U = utterances   S = speakers   N = speakers of a batch
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from steps_py.errors import ConfigError
from steps_py.registry import Registry

SAMPLERS = Registry("sampler", home="steps_py.chunks.samplers", facts=("utts_per_speaker",))
DEFAULT_SAMPLER = {"name": "balanced"}
LENGTH, SPEAKERS, CHUNKS, UTTS, LENGTHS = range(5)  # streams of random numbers

# draw(stream, first, second) -> a generator that depends on the seed and these numbers only
Draw = Callable[[int, int, int], np.random.Generator]


class Sampler:
    """Selects the utterances of each batch, as a pure function of (seed, step).

    Parameters
    ----------
    config : Config
        Of the registered class.
    spk_id_U : int array
        Speaker of each utterance; every id up to the largest has at least one.
    batch_size : int
    draw : callable
        ``draw(stream, first, second)`` returns a random generator for these numbers.

    Attributes
    ----------
    utts_per_speaker : int
        Minimum number of consecutive rows of one speaker in a batch.  A class attribute where
        it does not depend on the config: checks of a recipe read it.
    needs_labels : bool
        Whether the class is built with the labels of utterances in ``utt2<config.labels>`` as
        well: `names`, a list, and `label_U`, the place of each utterance's label in it.
    """

    utts_per_speaker: int
    needs_labels: bool = False

    def __init__(self, config: Any, spk_id_U: np.ndarray, batch_size: int, draw: Draw):
        raise NotImplementedError

    def rows(self, step: int, random: np.random.Generator) -> np.ndarray:
        """Rows of the utterances of a step, (B,); `random` is a generator for this step."""
        raise NotImplementedError

    @staticmethod
    def speakers_needed(config: Any, batch_size: int) -> int:
        """Number of different speakers that a batch must have."""
        return 1


class BySpeaker:
    """Rows of the utterances of each speaker.

    >>> BySpeaker(np.array([1, 0, 1])).rows(1)
    array([0, 2])
    """

    def __init__(self, spk_id_U: np.ndarray):
        self.order_U = np.argsort(spk_id_U, kind="stable")
        self.count_S = np.bincount(spk_id_U)
        self.start_S = np.cumsum(self.count_S) - self.count_S
        assert self.count_S.min() > 0, "a speaker without an utterance"

    def rows(self, spk_id: int) -> np.ndarray:
        """Rows of one speaker, ascending."""
        start = self.start_S[spk_id]
        return self.order_U[start : start + self.count_S[spk_id]]


class Rounds:
    """Assigns speakers to batches of N different speakers, equally often.

    A round is a random permutation of the speakers, cut into batches.  If N does not divide the
    number of speakers, the remainder skips the round.  Speakers skip rounds in turn, so that
    their counts never differ by more than one.
    """

    def __init__(self, num_speakers: int, speakers_per_batch: int, draw: Draw):
        self._num, self._per_batch, self._draw = num_speakers, speakers_per_batch, draw
        self._batches = num_speakers // speakers_per_batch
        self._num_skipping = num_speakers % speakers_per_batch
        self._turn_S = draw(SPEAKERS, 0, 1).permutation(num_speakers)  # order of skipping
        self._position_S = np.argsort(self._turn_S)
        self._round = (None, None)

    def speakers(self, step: int) -> tuple[np.ndarray, np.ndarray]:
        """Speakers (N,) of a step, and in how many batches before each of them was."""
        number, batch = divmod(step, self._batches)
        if self._round[0] != number:
            first = number * self._num_skipping
            skipping = self._turn_S[(first + np.arange(self._num_skipping)) % self._num]
            order = self._draw(SPEAKERS, number, 0).permutation(self._num)
            self._round = number, order[~np.isin(order, skipping)]
        spk_id_N = self._round[1][batch * self._per_batch : (batch + 1) * self._per_batch]
        skips_N = -((self._position_S[spk_id_N] - number * self._num_skipping) // self._num)
        return spk_id_N, number - np.maximum(skips_N, 0)


def check_speakers(name: str, needed: int, num_speakers: int) -> None:
    """Raise ConfigError if a batch needs more speakers than there are."""
    if needed > num_speakers:
        raise ConfigError(
            f"sampler '{name}': a batch needs {needed} speakers, but the training list has only"
            f" {num_speakers}. Lower the speakers of a batch (train.batch_size, or keys of"
            " train.sampler) or add speakers."
        )
