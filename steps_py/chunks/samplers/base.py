"""What the strategies share: speakers' utterances, and dealing speakers in rounds.

Array suffixes (scope: this package):
    B = chunks of a batch   U = utterances   S = speakers   N = speakers of a batch
"""

import numpy as np

from steps_py.errors import ConfigError
from steps_py.registry import Registry

SAMPLERS = Registry("sampler", home="steps_py.chunks.samplers", facts=("utts_per_speaker",))
LENGTH, SPEAKERS, CHUNKS, UTTS, LENGTHS = range(5)  # streams of random numbers


class BySpeaker:
    """The rows of each speaker.

    >>> BySpeaker(np.array([1, 0, 1])).rows(1)
    array([0, 2])
    """

    def __init__(self, spk_id_U):
        self.order_U = np.argsort(spk_id_U, kind="stable")
        self.count_S = np.bincount(spk_id_U)
        self.start_S = np.cumsum(self.count_S) - self.count_S
        assert self.count_S.min() > 0, "a speaker without an utterance"

    def rows(self, spk_id):
        start = self.start_S[spk_id]
        return self.order_U[start : start + self.count_S[spk_id]]


class Rounds:
    """Deals speakers to batches of N, no speaker twice in a batch.

    A round is a random order of the speakers, cut into batches.  Where N does not divide
    their number, the rest sit the round out; they take turns at it, so that no two speakers
    have ever been dealt more than one time apart.
    """

    def __init__(self, num_speakers, speakers_per_batch, draw):
        self._num, self._per_batch, self._draw = num_speakers, speakers_per_batch, draw
        self._batches = num_speakers // speakers_per_batch
        self._resting = num_speakers % speakers_per_batch
        self._turn_S = draw(SPEAKERS, 0, 1).permutation(num_speakers)  # who rests when
        self._place_S = np.argsort(self._turn_S)
        self._round = (None, None)

    def speakers(self, step):
        """Speakers (N,) of a step, and how often each was dealt before."""
        number, batch = divmod(step, self._batches)
        if self._round[0] != number:
            first = number * self._resting
            resting = self._turn_S[(first + np.arange(self._resting)) % self._num]
            order = self._draw(SPEAKERS, number, 0).permutation(self._num)
            self._round = number, order[~np.isin(order, resting)]
        spk_id_N = self._round[1][batch * self._per_batch : (batch + 1) * self._per_batch]
        rests_N = -((self._place_S[spk_id_N] - number * self._resting) // self._num)
        return spk_id_N, number - np.maximum(rests_N, 0)


def check_speakers(where, wanted, num_speakers):
    """ConfigError if a batch asks for more speakers than there are."""
    if wanted > num_speakers:
        raise ConfigError(
            f"sampler '{where}': a batch asks for {wanted} speakers, there are {num_speakers} to"
            " train on. Lower train.batch_size or raise the utterances of a speaker."
        )
