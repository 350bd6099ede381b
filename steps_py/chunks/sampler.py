"""Draws the chunks of a batch, as a pure function of (seed, step).

No state is carried from batch to batch, so any process can draw any batch: the result does not
depend on the number of loader processes, and a resumed training continues with the same batches.
A batch is split over all processes of a training.

Array suffixes (scope: this module):
    B = chunks of a batch   U = utterances   S = speakers
"""

import dataclasses
from typing import Any

import numpy as np

from steps_py.chunks.samplers import SAMPLERS
from steps_py.chunks.samplers.base import CHUNKS, DEFAULT_SAMPLER, LENGTH, LENGTHS


@dataclasses.dataclass(frozen=True, slots=True)
class Batch:
    """The chunks of a batch.

    Attributes
    ----------
    rows_B, first_B, spk_id_B : int arrays
        Row of the utterance, first voiced frame, and speaker of each chunk.
    num_frames : int
        Frames of all chunks, or their maximum if `num_frames_B` is given.
    num_frames_B : int array or None
        Frames of each chunk.
    step, offset : int
        Chunk b is number ``offset + b`` of `step`; other random numbers of a chunk are drawn
        from these.
    """

    rows_B: np.ndarray
    first_B: np.ndarray
    spk_id_B: np.ndarray
    num_frames: int
    num_frames_B: np.ndarray | None = None
    step: int = 0
    offset: int = 0

    def shard(self, rank: int, num_processes: int) -> "Batch":
        """The contiguous chunks of one of several processes.

        >>> batch = Batch(np.arange(4), np.zeros(4), np.array([7, 7, 8, 8]), 200)
        >>> batch.shard(1, 2).rows_B
        array([2, 3])
        """
        size = len(self.rows_B) // num_processes
        rows = slice(rank * size, (rank + 1) * size)
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
    """Draws batches: a strategy selects the utterances, this class the position of the chunks.

    The position of a chunk in its utterance is uniform.  Its length is uniform from `min_frames`
    to `max_frames`, drawn once per batch, or per chunk with `vary_within_batch` (SEQUENS has both
    variants).

    An utterance shorter than the chunk is repeated: the first frame of the chunk is uniform over
    all frames of the utterance.  With `wrap_around` this applies to all utterances.

    Parameters
    ----------
    spk_id_U : int array of shape (U,)
        0-based; every speaker up to the largest id has at least one utterance.
    num_frames_U : int array of shape (U,)
        Voiced frames.
    min_frames, max_frames : int
        Range of chunk lengths, inclusive.
    batch_size, seed : int
    strategy : dict
        ``{"name": ..., **keys}`` of `steps_py.chunks.samplers`; by default balanced.
    labels : (list of str, int array of shape (U,)), optional
        Names of labels, and the place of each utterance's in them, for samplers that need them.
    vary_within_batch : bool
        Draw the length of each chunk.
    wrap_around : bool
        Repeat all utterances (Hajibabaei and Dai, arXiv:1807.08312, section 3.1).
    """

    def __init__(
        self,
        spk_id_U: np.ndarray,
        num_frames_U: np.ndarray,
        *,
        min_frames: int,
        max_frames: int,
        batch_size: int,
        seed: int,
        strategy: dict[str, Any] | None = None,
        labels: tuple[list[str], np.ndarray] | None = None,
        vary_within_batch: bool = False,
        wrap_around: bool = False,
    ):
        self.spk_id_U, self.num_frames_U = np.asarray(spk_id_U), np.asarray(num_frames_U)
        self.num_speakers = int(self.spk_id_U.max()) + 1
        self._lengths = (min_frames, max_frames)
        self._seed, self._vary, self._wrap = seed, vary_within_batch, wrap_around
        strategy = strategy or DEFAULT_SAMPLER
        fields = {"spk_id_U": self.spk_id_U, "batch_size": batch_size, "draw": self._random}
        if SAMPLERS.find(strategy["name"]).needs_labels:
            fields["names"], fields["label_U"] = labels
        self._strategy = SAMPLERS.build(strategy, **fields)

    @property
    def utts_per_speaker(self) -> int:
        """Minimum number of consecutive rows of one speaker."""
        return self._strategy.utts_per_speaker

    def batch(self, step: int) -> Batch:
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
        wraps_B = (spare_B < 0) | self._wrap
        first_B = random.integers(np.where(wraps_B, self.num_frames_U[rows_B], spare_B + 1))
        return Batch(rows_B, first_B, self.spk_id_U[rows_B], int(num_frames), num_frames_B, step)

    def _random(self, stream, first, second):
        return np.random.Generator(np.random.Philox([self._seed, stream, first, second]))


def num_steps_per_epoch(num_utts: int, batch_size: int, steps_per_epoch: int | None = None) -> int:
    """Steps of an epoch: as configured, or about one chunk per utterance.

    >>> num_steps_per_epoch(1000, 64), num_steps_per_epoch(1000, 64, steps_per_epoch=5)
    (16, 5)
    """
    return steps_per_epoch or -(-num_utts // batch_size)
