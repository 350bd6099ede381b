"""Sums over trials, each of which counts as often as its two speakers were drawn.

Shape suffixes (scope: this module):
    N = trials   E = steps of the ROC   R = trials of one step and the same two speakers, as one
    S = speakers, and one more that always counts once   B = draws
"""

import numpy as np
from scipy import sparse

CHUNK_ROWS = 4096  # rows of weights at a time: they stay in the processor's cache
COLUMNS = np.arange(CHUNK_ROWS, dtype=np.int32)


class TrialSums:
    """The trials of one kind.

    Parameters
    ----------
    step_N : int array
        The step of the ROC that each trial is on.
    speakers_N2 : int array, optional
        Its two speakers; none: all trials are of one.
    num_steps, num_speakers : int

    Examples
    --------
    >>> sums = TrialSums(np.array([0, 0, 1]), np.array([[0, 1], [0, 0], [1, 1]]), 2, 2)
    >>> times_SB = np.array([[2.0], [3.0], [1.0]])  # the last row is of no speaker
    >>> sums.per_step(times_SB), sums.total(np.array([1.0, 10, 100]), times_SB)
    (array([[8.],
           [3.]]), array([326.]))
    """

    def __init__(
        self, step_N: np.ndarray, speakers_N2: np.ndarray, num_steps: int, num_speakers: int
    ):
        base = num_speakers + 1
        code_N = step_N.astype(np.int64) * base**2
        if speakers_N2 is None:
            code_N += num_speakers
        else:
            low_N, high_N = speakers_N2.min(axis=1), speakers_N2.max(axis=1)
            code_N += low_N * np.int64(base)
            high_N[low_N == high_N] = num_speakers  # a trial of one speaker counts by it alone
            code_N += high_N
        code_R, self._row_N, count_R = np.unique(code_N, return_inverse=True, return_counts=True)
        self._row_N = self._row_N.astype(np.int32)
        self._num_steps, self._count_R = num_steps, count_R.astype(np.float32)
        self._step_R = (code_R // base**2).astype(np.int32)
        self._low_R = (code_R // base % base).astype(np.int32)
        self._high_R = (code_R % base).astype(np.int32)
        starts = range(0, len(code_R), CHUNK_ROWS)
        chunks = (slice(start, min(start + CHUNK_ROWS, len(code_R))) for start in starts)
        self._chunks = [(rows, *self._by_step(rows)) for rows in chunks]

    def per_step(self, times_SB: np.ndarray) -> np.ndarray:
        """How many trials each step has; float (E, B).

        ``times_SB[s, b]`` says how often speaker s was drawn, and is 1 in the last row.  A trial
        of two speakers counts as often as the product says.
        """
        sum_EB = np.zeros((self._num_steps, times_SB.shape[1]))
        for rows, steps, by_step in self._chunks:
            sum_EB[steps] += by_step @ self._weights(rows, times_SB)
        return sum_EB

    def total(self, value_N: np.ndarray, times_SB: np.ndarray) -> np.ndarray:
        """The sum of a value of each trial; float (B,)."""
        value_R = np.bincount(self._row_N, value_N, len(self._count_R))
        return sum(value_R[rows] @ self._weights(rows, times_SB) for rows, *_ in self._chunks)

    def _weights(self, rows, times_SB):
        weight_RB = times_SB.take(self._low_R[rows], axis=0)
        weight_RB *= times_SB.take(self._high_R[rows], axis=0)
        return weight_RB

    def _by_step(self, rows):
        """The steps that rows are on, a slice, and the matrix that adds up the rows of each."""
        step_R = self._step_R[rows]
        steps = slice(int(step_R[0]), int(step_R[-1]) + 1)
        starts = np.searchsorted(step_R, np.arange(steps.start, steps.stop + 1)).astype(np.int32)
        shape = steps.stop - steps.start, len(step_R)
        entries = self._count_R[rows], COLUMNS[: len(step_R)], starts
        return steps, sparse.csr_array(entries, shape=shape)
