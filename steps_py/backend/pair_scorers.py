"""Scores of pairs of vectors: of listed trials, or of all pairs of two tables.

Every model here is ``f(a . b + r + c)``, with a vector and a number for each side: what depends
on one side alone is computed once for each vector.

Shape suffixes (scope: this module):
    N = vectors of a side   E = enrolment   T = test   L = listed trials   D = dimension
    K = dimension of what is multiplied
"""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from steps_py.backend.plda import llr_terms
from steps_py.backend.trial_scores import dot_products

if TYPE_CHECKING:
    from steps_py.backend.plda import Plda


class Side(NamedTuple):
    """One side of trials, ready to be multiplied with the other."""

    vectors_NK: np.ndarray
    offset_N: np.ndarray

    def rows(self, rows_R: slice) -> "Side":
        """Those of some rows, an array of int or a slice."""
        return Side(self.vectors_NK[rows_R], self.offset_N[rows_R])

    def single(self) -> "Side":
        """The same in single precision, for products of all pairs at twice the speed."""
        return Side(*(array.astype(np.float32, copy=False) for array in self))


class PairScorer:
    """Base of the models' arithmetic: `enroll` and `test` prepare vectors, the rest is common.

    Attributes
    ----------
    symmetric : bool
        Whether the score of (a, b) is that of (b, a).
    """

    symmetric = True

    def of_models(self) -> "PairScorer":
        """The scorer for enrolments of several utterances each."""
        return self

    def enroll(self, x_ND, num_utts_N=None) -> Side:
        """The enrolment side; `num_utts_N` counts the utterances averaged into each vector."""
        raise NotImplementedError

    def test(self, x_ND) -> Side:
        """The test side."""
        raise NotImplementedError

    def finish(self, score: np.ndarray) -> np.ndarray:
        """What is left to do with the sums."""
        return score

    def all_pairs(self, enroll: Side, test: Side) -> np.ndarray:
        """Scores of every enrolment with every test vector, (E, T)."""
        sum_ET = enroll.vectors_NK @ test.vectors_NK.T
        sum_ET += enroll.offset_N[:, np.newaxis]
        sum_ET += test.offset_N
        return self.finish(sum_ET)

    def listed(
        self, enroll: Side, test: Side, enroll_L: np.ndarray, test_L: np.ndarray
    ) -> np.ndarray:
        """Scores of trials, given as rows of both sides, (L,)."""
        dot_L = dot_products(enroll.vectors_NK, test.vectors_NK, enroll_L, test_L)
        return self.finish(dot_L + enroll.offset_N[enroll_L] + test.offset_N[test_L])


class CosineScorer(PairScorer):
    """The cosine of the angle between the vectors; 0 for a vector of zeros.

    >>> scorer = CosineScorer()
    >>> e, t = scorer.enroll(np.array([[3.0, 4.0]])), scorer.test(np.array([[0.0, 2.0]]))
    >>> scorer.all_pairs(e, t), scorer.listed(e, t, np.array([0]), np.array([0]))
    (array([[0.8]]), array([0.8]))
    """

    def enroll(self, x_ND: np.ndarray, num_utts_N=None) -> Side:
        return self.test(x_ND)

    def all_pairs(self, enroll: Side, test: Side) -> np.ndarray:
        return enroll.vectors_NK @ test.vectors_NK.T  # the offsets are 0

    def test(self, x_ND: np.ndarray) -> Side:
        x_ND = np.asarray(x_ND, np.float64)
        length_N1 = np.linalg.norm(x_ND, axis=1, keepdims=True)
        return Side(x_ND / np.where(length_N1 > 0, length_N1, 1), np.zeros(len(x_ND)))


class EuclideanScorer(PairScorer):
    """The negative Euclidean distance of the vectors.

    >>> scorer = EuclideanScorer()
    >>> scorer.all_pairs(scorer.enroll(np.array([[3.0, 4.0]])), scorer.test(np.zeros((1, 2))))
    array([[-5.]])
    """

    def enroll(self, x_ND: np.ndarray, num_utts_N=None) -> Side:
        side = self.test(x_ND)
        return Side(-2 * side.vectors_NK, side.offset_N)

    def test(self, x_ND: np.ndarray) -> Side:
        x_ND = np.asarray(x_ND, np.float64)
        return Side(x_ND, (x_ND**2).sum(axis=1))

    def finish(self, score: np.ndarray) -> np.ndarray:
        return -np.sqrt(np.maximum(score, 0))


class PldaScorer(PairScorer):
    """The log-likelihood ratio of a `steps_py.backend.plda.Plda`.

    Lengths are normalised as the model expects them, unless `normalize_length` is false.

    With other than one utterance for an enrolment vector the term that is quadratic in the test
    vector depends on both sides; it is a dot product with the squares of the test vector.
    """

    def __init__(self, plda: "Plda", several: bool = False, normalize_length: bool = True):
        self._plda, self._several, self._normalize = plda, several, normalize_length
        self.symmetric = not several

    def of_models(self):
        return PldaScorer(self._plda, True, self._normalize)

    def enroll(self, x_ND: np.ndarray, num_utts_N: np.ndarray | None = None) -> Side:
        num_utts_N = np.ones(len(x_ND), int) if num_utts_N is None else np.asarray(num_utts_N)
        u_ND = self._plda.transform(x_ND, num_utts_N, self._normalize)
        terms = llr_terms(u_ND, num_utts_N, np.zeros((0, u_ND.shape[1])), self._plda.psi_D)
        offset_N = -0.5 * terms.constant_E1[:, 0]
        if not self._several:
            return Side(terms.linear_ED, offset_N)
        n_N1, psi_D = num_utts_N[:, np.newaxis], self._plda.psi_D
        square_ND = 1 / (1 + psi_D / (n_N1 * psi_D + 1)) - 1 / (1 + psi_D)
        return Side(np.concatenate([terms.linear_ED, -0.5 * square_ND], axis=1), offset_N)

    def test(self, x_ND: np.ndarray) -> Side:
        u_ND = self._plda.transform(x_ND, normalize_length=self._normalize)
        if self._several:
            return Side(np.concatenate([u_ND, u_ND**2], axis=1), np.zeros(len(u_ND)))
        nobody_1D = np.zeros((1, u_ND.shape[1]))
        terms = llr_terms(nobody_1D, np.ones(1), u_ND, self._plda.psi_D)
        return Side(u_ND, -0.5 * terms.quadratic_GT[0])
