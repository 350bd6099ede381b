"""Normalisation of scores by those of a cohort of other speakers.

A score s of an enrolment e and a test t becomes, with the mean m and the deviation d of the
scores of one side with the cohort,

    Z   (s - m_e) / d_e                    T   (s - m_t) / d_t
    S   half the sum of both               AS  S, over the highest cohort scores of a side only

and ZT the T of scores that, with the cohort too, are Z.  The highest scores of a side are its own
(`own`), or those of the cohort members that the trial's other side selects (`cross`).

R. Auckenthaler et al., "Score normalization for text-independent speaker verification systems",
2000 (Z, T, ZT); P. Kenny, "Bayesian speaker verification with heavy-tailed priors", 2010 (S);
P. Matejka et al., "Analysis of score normalization in multilingual speaker recognition", 2017
(AS, and the two ways to select).

Scores of a long list with the cohort are of single precision, which takes half the time and moves
normalised scores by less than a millionth of their size where hundreds of cohort scores count.

Shape suffixes (scope: this module):
    N = vectors of a side   R = rows of a block   C = cohort   K = highest scores   T = trials
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from steps_py.errors import ScoreError, some

if TYPE_CHECKING:
    from steps_py.backend.pair_scorers import Side

_BLOCK_ROWS = 512
_BLOCK_TRIALS = 8192
_SINGLE_FROM = 2**34  # products of numbers: a second of double precision


@dataclass(frozen=True)
class Cohort:
    """The members of a cohort: their vectors, ready for either side of a trial.

    Attributes
    ----------
    scorer : PairScorer
    enroll, test : Side
        The members as enrolments and as tests.
    speakers : list of str
        The speaker of each member.
    """

    scorer: object
    enroll: object
    test: object
    speakers: list

    @classmethod
    def of(cls, scorer, x_CD: np.ndarray, speakers: list | str) -> "Cohort":
        """The cohort of vectors (C, D) and their speakers."""
        return cls(scorer, scorer.enroll(x_CD), scorer.test(x_CD), list(speakers))

    def __len__(self):
        return len(self.speakers)

    def of_enroll(self, side: "Side") -> Iterator[tuple[slice, np.ndarray]]:
        """Blocks (slice, scores (R, C)) of enrolments with the cohort."""
        for rows, block, test in _pieces(side, self.test):
            yield rows, self.scorer.all_pairs(block, test)

    def of_test(self, side: "Side") -> Iterator[tuple[slice, np.ndarray]]:
        """Blocks (slice, scores (R, C)) of tests with the cohort."""
        for rows, block, enroll in _pieces(side, self.enroll):
            yield rows, self.scorer.all_pairs(enroll, block).T


def _pieces(side, cohort):
    """Blocks (slice, its vectors, the cohort's), in single precision where they are many."""
    num_rows = len(side.offset_N)
    is_long = num_rows * cohort.vectors_NK.size >= _SINGLE_FROM
    cohort = cohort.single() if is_long else cohort
    for begin in range(0, num_rows, _BLOCK_ROWS):
        rows = slice(begin, min(begin + _BLOCK_ROWS, num_rows))
        yield rows, side.rows(rows).single() if is_long else side.rows(rows), cohort


@dataclass(frozen=True)
class Statistics:
    """Mean and deviation of the scores of each vector of a side with the cohort, (N,)."""

    mean_N: np.ndarray
    std_N: np.ndarray

    def normalise(self, score_T: np.ndarray, rows_T: np.ndarray) -> np.ndarray:
        """``(score - mean) / deviation`` of trials whose vectors are `rows_T`."""
        return (score_T - self.mean_N[rows_T]) / self.std_N[rows_T]


def statistics(
    blocks: Iterable, num_rows: int, top_n: int | None = None, ddof: int = 0
) -> Statistics:
    """Mean and deviation of cohort scores, given as blocks (slice, scores (R, C)).

    Parameters
    ----------
    blocks : iterable, as `Cohort.of_enroll` gives
    num_rows : int
    top_n : int, optional
        Over this many highest scores of each row only.
    ddof : int
        The deviation divides by N less this.

    Raises
    ------
    ScoreError
        If all scores of a row are the same.

    Examples
    --------
    >>> blocks = [(slice(0, 1), np.array([[1.0, 5.0, 3.0]]))]
    >>> statistics(blocks, 1, top_n=2)
    Statistics(mean_N=array([4.]), std_N=array([1.]))
    """
    mean_N, std_N = np.empty(num_rows), np.empty(num_rows)
    for rows, score_RC in blocks:
        if top_n is not None and top_n < score_RC.shape[1]:
            score_RC = np.partition(score_RC, -top_n, axis=1)[:, -top_n:]
        mean_N[rows], std_N[rows] = _mean_and_std(score_RC, ddof)
    return Statistics(mean_N, _positive(std_N))


def highest(blocks: Iterable, num_rows: int, top_n: int) -> np.ndarray:
    """The members of the cohort with the highest scores of each row, int32 (N, K)."""
    member_NK = np.empty((num_rows, top_n), np.int32)
    for rows, score_RC in blocks:
        member_NK[rows] = np.argpartition(score_RC, -top_n, axis=1)[:, -top_n:]
    return member_NK


def cross_statistics(
    blocks: Iterable, rows_T: np.ndarray, member_NK: np.ndarray, other_T: np.ndarray, ddof: int = 0
) -> Statistics:
    """Statistics of each trial's side over the members that its other side selects.

    Parameters
    ----------
    blocks : iterable of (slice, scores (R, C)) of this side
    rows_T : int array
        The trials' vectors of this side.
    member_NK, other_T : int arrays
        `highest` of the other side, and the trials' vectors of that side.

    Returns
    -------
    Statistics with a row for each trial.
    """
    mean_T, std_T = np.empty(len(rows_T)), np.empty(len(rows_T))
    order_T = np.argsort(rows_T, kind="stable")
    sorted_T = rows_T[order_T]
    for rows, score_RC in blocks:
        first, last = np.searchsorted(sorted_T, [rows.start, rows.stop])
        for begin in range(first, last, _BLOCK_TRIALS):
            trials = order_T[begin : min(begin + _BLOCK_TRIALS, last)]
            own = rows_T[trials] - rows.start
            score_TK = score_RC[own[:, np.newaxis], member_NK[other_T[trials]]]
            mean_T[trials], std_T[trials] = _mean_and_std(score_TK, ddof)
    return Statistics(mean_T, _positive(std_T))


def among_cohort(cohort: Cohort, top_n=None, ddof: int = 0) -> Statistics:
    """Statistics of each member as an enrolment, over members of other speakers."""
    _, speaker_C = np.unique(cohort.speakers, return_inverse=True)

    def blocks():
        for rows, score_RC in cohort.of_enroll(cohort.enroll):
            other_RC = speaker_C[rows, np.newaxis] != speaker_C
            for row, other_C, score_C in zip(
                range(rows.start, rows.stop), other_RC, score_RC, strict=True
            ):
                yield slice(row, row + 1), score_C[np.newaxis, other_C]

    return statistics(blocks(), len(cohort), top_n, ddof)


class Sides:
    """Both sides of trials, with a cohort.

    Parameters
    ----------
    cohort : Cohort
    enroll, test : Side
        Vectors of both sides.  `test` None: those of `enroll`, scored by a symmetric model, so
        that their scores with the cohort are computed once.
    enroll_T, test_T : int arrays
        The vectors of each trial.

    Examples
    --------
    >>> from steps_py.backend.pair_scorers import EuclideanScorer
    >>> scorer = EuclideanScorer()
    >>> cohort = Cohort.of(scorer, np.array([[0.0], [4.0]]), ["a", "b"])
    >>> one, row = scorer.enroll(np.array([[1.0]])), np.array([0])
    >>> sides = Sides(cohort, one, None, row, row)       # scores with the cohort: -1, -3
    >>> sides.z_norm(np.array([0.0])), sides.s_norm(np.array([0.0]))
    (array([2.]), array([2.]))
    """

    def __init__(
        self,
        cohort: Cohort,
        enroll: "Side",
        test: "Side | None",
        enroll_T: np.ndarray,
        test_T: np.ndarray,
    ):
        self._cohort, self._enroll, self._test = cohort, enroll, test
        self.enroll_T, self.test_T = enroll_T, test_T

    def z_norm(self, score_T: np.ndarray, top_n: int | None = None, ddof: int = 0) -> np.ndarray:
        """Z-normalised scores of the trials; options as for `statistics`."""
        return self.of_enroll(top_n, ddof).normalise(score_T, self.enroll_T)

    def t_norm(self, score_T: np.ndarray, top_n: int | None = None, ddof: int = 0) -> np.ndarray:
        """T-normalised scores of the trials."""
        return self.of_test(top_n, ddof).normalise(score_T, self.test_T)

    def s_norm(
        self, score_T: np.ndarray, top_n: int | None = None, ddof: int = 0, select: str = "own"
    ) -> np.ndarray:
        """S-normalised scores; with `top_n`, AS, by the members that `select` says."""
        if select == "cross":
            return self._cross_norm(score_T, top_n or len(self._cohort), ddof)
        enroll = self.of_enroll(top_n, ddof)
        test = enroll if self._test is None else self.of_test(top_n, ddof)
        z_T = enroll.normalise(score_T, self.enroll_T)
        return 0.5 * (z_T + test.normalise(score_T, self.test_T))

    def zt_norm(self, score_T: np.ndarray, top_n=None, ddof: int = 0) -> np.ndarray:
        """ZT-normalised scores; a member's own Z statistics are over other speakers' vectors."""
        own = among_cohort(self._cohort, top_n, ddof)
        blocks, num_rows = self._test_blocks()
        z_blocks = ((rows, (score_RC - own.mean_N) / own.std_N) for rows, score_RC in blocks)
        test = statistics(z_blocks, num_rows, top_n, ddof)
        return test.normalise(self.z_norm(score_T, top_n, ddof), self.test_T)

    def of_enroll(self, top_n: int | None = None, ddof: int = 0) -> Statistics:
        """Statistics of the enrolment vectors."""
        blocks = self._cohort.of_enroll(self._enroll)
        return statistics(blocks, len(self._enroll.offset_N), top_n, ddof)

    def of_test(self, top_n: int | None = None, ddof: int = 0) -> Statistics:
        """Statistics of the test vectors."""
        blocks, num_rows = self._test_blocks()
        return statistics(blocks, num_rows, top_n, ddof)

    def _test_blocks(self):
        """Blocks of the test side's cohort scores, and how many rows they have."""
        if self._test is None:
            return self._cohort.of_enroll(self._enroll), len(self._enroll.offset_N)
        return self._cohort.of_test(self._test), len(self._test.offset_N)

    def _cross_norm(self, score_T, top_n, ddof):
        cohort, num_enroll = self._cohort, len(self._enroll.offset_N)
        blocks, num_test = self._test_blocks()
        of_test_NK = highest(blocks, num_test, top_n)
        of_enroll_NK = (
            of_test_NK
            if self._test is None
            else highest(cohort.of_enroll(self._enroll), num_enroll, top_n)
        )
        enroll = cross_statistics(
            cohort.of_enroll(self._enroll), self.enroll_T, of_test_NK, self.test_T, ddof
        )
        test = cross_statistics(
            self._test_blocks()[0], self.test_T, of_enroll_NK, self.enroll_T, ddof
        )
        each_T = np.arange(len(score_T))
        return 0.5 * (enroll.normalise(score_T, each_T) + test.normalise(score_T, each_T))


def _mean_and_std(score_RK, ddof):
    mean_R = score_RK.mean(axis=1, dtype=np.float64)
    return mean_R, (score_RK - mean_R[:, np.newaxis]).std(axis=1, ddof=ddof)


def _positive(std_N):
    """The deviations; ScoreError if one is zero or nan, by which nothing can be divided."""
    bad = np.flatnonzero(~(std_N > 0))
    if bad.size:
        raise ScoreError(
            f"score normalisation: the cohort scores of {bad.size} vectors are all the same (rows"
            f" {some(bad.tolist())}). Are these vectors zero, or is the cohort one vector?"
        )
    return std_N
