"""Which chunks make up a batch: a pure function of (seed, step, rank).

No state is carried from batch to batch, so any process can make any batch: the number of
loader workers does not matter, and a resumed training goes on exactly where it stopped.

Array suffixes (scope: this module):
    B = chunks of a batch   U = utterances   S = speakers
"""

from dataclasses import dataclass

import numpy as np

_LENGTH, _SPEAKERS, _CHUNKS = range(3)  # streams of random numbers


@dataclass(frozen=True, slots=True)
class Batch:
    """Chunks of `num_frames` frames: utterance row, first frame, speaker of each."""

    rows_B: np.ndarray
    first_B: np.ndarray
    spk_id_B: np.ndarray
    num_frames: int


class ChunkSampler:
    """Draws batches in which every speaker has the same share.

    Speakers are dealt like cards: all of them once in random order, then all again, on and
    on through batches and epochs, so that no two have been served more than one chunk
    apart.  A speaker's utterance and the place in it are uniform; the chunk's length is
    uniform from `min_frames` to `max_frames` and the same for the whole batch, on all ranks.

    An utterance shorter than the chunk is to be read round and round: its first frame is
    uniform over all of its frames.

    Parameters
    ----------
    spk_id_U : int array of shape (U,)
        0-based; every speaker up to the largest id has at least one utterance.
    num_frames_U : int array of shape (U,)
    """

    def __init__(
        self, spk_id_U, num_frames_U, *, min_frames, max_frames, batch_size, seed, num_ranks=1
    ):
        self.num_frames_U = np.asarray(num_frames_U)
        self._order_U = np.argsort(spk_id_U, kind="stable")
        self._count_S = np.bincount(spk_id_U)
        self._start_S = np.cumsum(self._count_S) - self._count_S
        assert self._count_S.min() > 0, "a speaker without an utterance"
        self._lengths = (min_frames, max_frames)
        self._batch_size, self._num_ranks, self._seed = batch_size, num_ranks, seed
        self._deals = {}

    @property
    def num_speakers(self):
        return len(self._count_S)

    def batch(self, step, rank=0):
        """The batch of a step, counted from 0 over all epochs."""
        position = (step * self._num_ranks + rank) * self._batch_size
        spk_id_B = self._deal(position + np.arange(self._batch_size))
        random = self._random(_CHUNKS, step, rank)
        pick_B = random.integers(self._count_S[spk_id_B])
        rows_B = self._order_U[self._start_S[spk_id_B] + pick_B]
        num_frames = int(self._random(_LENGTH, step, 0).integers(*self._lengths, endpoint=True))
        spare_B = self.num_frames_U[rows_B] - num_frames
        first_B = random.integers(np.where(spare_B < 0, self.num_frames_U[rows_B], spare_B + 1))
        return Batch(rows_B, first_B, spk_id_B, num_frames)

    def _deal(self, positions_B):
        """Speakers at these positions of the endless row of shuffled packs."""
        pack_B, card_B = np.divmod(positions_B, self.num_speakers)
        packs = {int(pack): self._pack(int(pack)) for pack in np.unique(pack_B)}
        self._deals = packs  # the next batch continues with the last of them
        return np.array([packs[pack][card] for pack, card in zip(pack_B, card_B, strict=True)])

    def _pack(self, pack):
        if pack in self._deals:
            return self._deals[pack]
        return self._random(_SPEAKERS, pack, 0).permutation(self.num_speakers)

    def _random(self, stream, step, rank):
        return np.random.Generator(np.random.Philox([self._seed, stream, step, rank]))


def num_steps_per_epoch(num_utts, batch_size, steps_per_epoch=None):
    """Steps of an epoch: as configured, or as many as read each utterance about once.

    >>> num_steps_per_epoch(1000, 64), num_steps_per_epoch(1000, 64, steps_per_epoch=5)
    (16, 5)
    """
    return steps_per_epoch or -(-num_utts // batch_size)
