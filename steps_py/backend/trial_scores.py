"""Scores of listed trials: pairs of an enrolled speaker and a test utterance.

A trial list names some of the E x T possible pairs, in any order.  All that depends on
one side of a pair is computed once; what is left is a dot product per trial, done for
all trials of a speaker together.

Shape suffixes (scope: this module):
    E = enrolled speakers   T = test utterances   D = dimension   L = listed trials
"""

import numpy as np

from steps_py.backend.plda import llr_terms

_BLOCK_ROWS = 256
_DENSE = 0.15  # proportion of all pairs above which a matrix product of all is faster


class TrialScorer:
    """PLDA log-likelihood ratios of listed trials.

    Parameters
    ----------
    enroll_ED, num_utts_E, test_TD, psi_D
        As for `steps_py.backend.plda.log_likelihood_ratio`, with its errors.

    Examples
    --------
    >>> scorer = TrialScorer(np.array([[1.0]]), [1], np.array([[1.0], [-1.0]]), [1.0])
    >>> scorer.score([0, 0], [1, 0]).round(6)
    array([-0.356159,  0.310508])
    """

    def __init__(
        self, enroll_ED: np.ndarray, num_utts_E: np.ndarray, test_TD: np.ndarray, psi_D: np.ndarray
    ):
        self._terms = llr_terms(enroll_ED, num_utts_E, test_TD, psi_D)

    def score(self, enroll_L: np.ndarray, test_L: np.ndarray) -> np.ndarray:
        """Scores of trials, given as rows of the enrolment and of the test vectors; (L,)."""
        enroll_L, test_L = (np.asarray(rows, np.int64) for rows in (enroll_L, test_L))
        terms = self._terms
        linear_L = dot_products(terms.linear_ED, terms.test_TD, enroll_L, test_L)
        quadratic_L = terms.quadratic_GT[terms.group_E[enroll_L], test_L]
        return linear_L - 0.5 * (quadratic_L + terms.constant_E1[enroll_L, 0])


def dot_products(
    a_ED: np.ndarray, b_TD: np.ndarray, a_L: np.ndarray, b_L: np.ndarray
) -> np.ndarray:
    """``a_ED[a_L[i]] . b_TD[b_L[i]]`` for every trial i; shape (L,)."""
    if len(a_L) == 0:
        return np.zeros(0, np.result_type(a_ED, b_TD))
    if len(a_L) > _DENSE * len(a_ED) * len(b_TD):
        return _dots_of_all_pairs(a_ED, b_TD, a_L, b_L)
    if len(b_TD) < len(a_ED):
        a_ED, b_TD, a_L, b_L = b_TD, a_ED, b_L, a_L  # fewer, longer groups

    starts = np.flatnonzero(np.diff(a_L, prepend=-1))
    if len(starts) > 2 * len(a_ED):  # the list is not grouped by speaker
        order = np.argsort(a_L, kind="stable")
        dots_L = np.empty(len(a_L), np.result_type(a_ED, b_TD))
        dots_L[order] = _dots_by_group(a_ED, b_TD, a_L[order], b_L[order])
        return dots_L
    return _dots_by_group(a_ED, b_TD, a_L, b_L)


def _dots_by_group(a_ED, b_TD, a_L, b_L):
    dots_L = np.empty(len(a_L), np.result_type(a_ED, b_TD))
    starts = np.flatnonzero(np.diff(a_L, prepend=-1)).tolist()
    for first, last in zip(starts, [*starts[1:], len(a_L)], strict=True):
        np.dot(b_TD[b_L[first:last]], a_ED[a_L[first]], out=dots_L[first:last])
    return dots_L


def _dots_of_all_pairs(a_ED, b_TD, a_L, b_L):
    dots_L = np.empty(len(a_L), np.result_type(a_ED, b_TD))
    order = np.argsort(a_L, kind="stable")
    cuts = np.searchsorted(a_L[order], np.arange(0, len(a_ED) + _BLOCK_ROWS, _BLOCK_ROWS))
    for block in range(len(cuts) - 1):
        row = block * _BLOCK_ROWS
        dots_RT = a_ED[row : row + _BLOCK_ROWS] @ b_TD.T
        here = order[cuts[block] : cuts[block + 1]]
        dots_L[here] = dots_RT[a_L[here] - row, b_L[here]]
    return dots_L
