"""Scores of pairs, between steps of a chain: lines ``<enroll> <test> <score>`` in bulk.

Shape suffixes (scope: this module):
    T = trials
"""

import os
from typing import NamedTuple

import numpy as np

from steps_py.data.pair_lines import read_scored_pairs
from steps_py.data.trials import read_trial_list
from steps_py.errors import ScoreError

LINES_PER_WRITE = 100_000


class ScoredPairs(NamedTuple):
    """The pairs of a list and a score for each.

    Attributes
    ----------
    names : list of distinct str
        What the sides are called.
    enroll_T, test_T : int64 arrays
        Places in `names`.
    score_T : float64 array
    """

    names: list
    enroll_T: np.ndarray
    test_T: np.ndarray
    score_T: np.ndarray

    def pair(self, place) -> str:
        """``<enroll> <test>`` of one trial."""
        return f"{self.names[self.enroll_T[place]]} {self.names[self.test_T[place]]}"


def read_score_lines(source, where: str) -> ScoredPairs:
    """`steps_py.data.pair_lines.read_scored_pairs` as `ScoredPairs`, with its errors."""
    pairs, score_T = read_scored_pairs(source, where)
    sides_T = (side_T.astype(np.int64) for side_T in (pairs.enroll_L, pairs.test_L))
    return ScoredPairs(list(pairs.place_of), *sides_T, score_T)


def check_scores_finite(pairs, where):
    """Raise ScoreError that names the first trials whose score is nan or infinite."""
    bad = np.flatnonzero(~np.isfinite(pairs.score_T))
    if bad.size:
        shown = ", ".join(f"{pairs.pair(row)} {pairs.score_T[row]:g}" for row in bad[:3].tolist())
        raise ScoreError(
            f"{where}: {bad.size} of {len(pairs.score_T)} scores are not finite ({shown})."
            " Look for x-vectors that are not finite, or all zero."
        )


def write_scored_pairs(stream, pairs: ScoredPairs) -> None:
    """Write the lines, nine digits of each score, to a binary stream."""
    for begin in range(0, len(pairs.score_T), LINES_PER_WRITE):
        piece = slice(begin, begin + LINES_PER_WRITE)
        words = [None] * (3 * len(pairs.score_T[piece]))
        for first, place_T in enumerate((pairs.enroll_T[piece], pairs.test_T[piece])):
            words[first::3] = map(pairs.names.__getitem__, place_T.tolist())
        words[2::3] = pairs.score_T[piece].tolist()
        stream.write(("%s %s %.9g\n" * (len(words) // 3) % tuple(words)).encode())


def in_order_of(pairs: ScoredPairs, first: ScoredPairs) -> np.ndarray:
    """The scores of `pairs` in the order of the trials of `first`, which have the same pairs.

    Raises ScoreError if a trial of `first` has no score among them.
    """
    if pairs.names == first.names and all(
        np.array_equal(a, b)
        for a, b in ((pairs.enroll_T, first.enroll_T), (pairs.test_T, first.test_T))
    ):
        return pairs.score_T
    rows = zip(pairs.enroll_T.tolist(), pairs.test_T.tolist(), strict=True)
    row_of = {(pairs.names[e], pairs.names[t]): row for row, (e, t) in enumerate(rows)}
    try:
        wanted = [
            row_of[first.names[e], first.names[t]]
            for e, t in zip(first.enroll_T.tolist(), first.test_T.tolist(), strict=True)
        ]
    except KeyError as error:
        raise ScoreError(
            f"scores: the trial {' '.join(error.args[0])} has no score in one of the systems."
            " Remove that system's scores and score again."
        ) from None
    return pairs.score_T[wanted]


def read_labels(path: str | os.PathLike, pairs: ScoredPairs) -> np.ndarray:
    """Whether each of `pairs` is a target trial, from a list ``<enroll> <test> target|nontarget``.

    Raises ScoreError if the list lacks one of them.
    """
    trials = read_trial_list(path)
    listed = ScoredPairs(
        trials.sides,
        trials.enroll_T.astype(np.int64),
        trials.test_T.astype(np.int64),
        trials.target_T.astype(float),
    )
    return in_order_of(listed, pairs) > 0
