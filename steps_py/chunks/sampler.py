"""Which chunks make up a batch: a pure function of (seed, step).

No state is carried from batch to batch, so any process can make any batch: the number of
loader workers does not matter, and a resumed training goes on exactly where it stopped.
A batch is that of all processes together; each takes its part.

Array suffixes (scope: this module):
    B = chunks of a batch   U = utterances   S = speakers
"""

import dataclasses

import numpy as np

from steps_py.chunks.samplers import SAMPLERS
from steps_py.chunks.samplers.base import CHUNKS, LENGTH, LENGTHS


@dataclasses.dataclass(frozen=True, slots=True)
class Batch:
    """Chunks: utterance row, first frame, speaker of each, and their number of frames.

    Where `num_frames_B` is given, chunk b has so many frames, and `num_frames` is the most.
    Chunk b is number ``offset + b`` of `step`: what else is drawn for it belongs to these.
    """

    rows_B: np.ndarray
    first_B: np.ndarray
    spk_id_B: np.ndarray
    num_frames: int
    num_frames_B: np.ndarray | None = None
    step: int = 0
    offset: int = 0

    def part(self, index, num_parts):
        """The chunks of one of several processes: a stretch of the rows.

        >>> batch = Batch(np.arange(4), np.zeros(4), np.array([7, 7, 8, 8]), 200)
        >>> batch.part(1, 2).rows_B
        array([2, 3])
        """
        size = len(self.rows_B) // num_parts
        rows = slice(index * size, (index + 1) * size)
        lengths_B = None if self.num_frames_B is None else self.num_frames_B[rows]
        return dataclasses.replace(
            self,
            rows_B=self.rows_B[rows],
            first_B=self.first_B[rows],
            spk_id_B=self.spk_id_B[rows],
            num_frames_B=lengths_B,
            offset=self.offset + rows.start,
        )


class ChunkSampler:
    """Draws batches: a strategy chooses the utterances, this class what is cut from them.

    A chunk's place in its utterance is uniform; its length is uniform from `min_frames` to
    `max_frames`, the same for the whole batch, or another for each chunk with
    `vary_within_batch` (SEQUENS cuts both ways).

    An utterance shorter than the chunk is to be read round and round: its first frame is
    uniform over all of its frames.

    Parameters
    ----------
    spk_id_U : int array of shape (U,)
        0-based; every speaker up to the largest id has at least one utterance.
    num_frames_U : int array of shape (U,)
    strategy : dict
        ``{"name": ..., **keys}`` of `steps_py.chunks.samplers`.
    """

    def __init__(
        self,
        spk_id_U,
        num_frames_U,
        *,
        min_frames,
        max_frames,
        batch_size,
        seed,
        strategy=None,
        vary_within_batch=False,
    ):
        self.spk_id_U, self.num_frames_U = np.asarray(spk_id_U), np.asarray(num_frames_U)
        self.num_speakers = int(self.spk_id_U.max()) + 1
        self._lengths = (min_frames, max_frames)
        self._seed, self._vary = seed, vary_within_batch
        self._strategy = SAMPLERS.build(
            strategy or {"name": "balanced"},
            spk_id_U=self.spk_id_U,
            batch_size=batch_size,
            draw=self._random,
        )

    @property
    def utts_per_speaker(self):
        """Rows of one speaker that stand together, at least."""
        return self._strategy.utts_per_speaker

    def batch(self, step):
        """The batch of a step, counted from 0 over all epochs."""
        random = self._random(CHUNKS, step, 0)
        rows_B = self._strategy.rows(step, random)
        num_frames = self._random(LENGTH, step, 0).integers(*self._lengths, endpoint=True)
        num_frames_B = None
        if self._vary:
            size = len(rows_B)
            num_frames_B = self._random(LENGTHS, step, 0).integers(
                *self._lengths, endpoint=True, size=size
            )
            num_frames = num_frames_B.max()
        spare_B = self.num_frames_U[rows_B] - (num_frames if num_frames_B is None else num_frames_B)
        first_B = random.integers(np.where(spare_B < 0, self.num_frames_U[rows_B], spare_B + 1))
        return Batch(rows_B, first_B, self.spk_id_U[rows_B], int(num_frames), num_frames_B, step)

    def _random(self, stream, first, second):
        return np.random.Generator(np.random.Philox([self._seed, stream, first, second]))


def num_steps_per_epoch(num_utts, batch_size, steps_per_epoch=None):
    """Steps of an epoch: as configured, or as many as read each utterance about once.

    >>> num_steps_per_epoch(1000, 64), num_steps_per_epoch(1000, 64, steps_per_epoch=5)
    (16, 5)
    """
    return steps_per_epoch or -(-num_utts // batch_size)
