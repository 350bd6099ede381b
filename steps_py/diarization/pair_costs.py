"""Costs between all pairs of points that are products of vectors, and are never all in memory.

Shape suffixes (scope: this module):
    N = points   D = dimension
"""

import numpy as np

from steps_py.backend.plda import Plda, llr_terms

MOST_SAMPLED = 2000


class ProductCosts:
    """The matrix of costs ``-left @ right.T`` in pieces, for `clustering.cluster`.

    Parameters
    ----------
    left_ND, right_ND : float arrays of shape (N, D)

    Examples
    --------
    >>> costs = ProductCosts(np.eye(3), np.eye(3))
    >>> len(costs), costs.block(slice(0, 2)).tolist()
    (3, [[-1.0, -0.0], [-0.0, -1.0]])
    """

    def __init__(self, left_ND: np.ndarray, right_ND: np.ndarray):
        self._left_ND = np.asarray(left_ND, np.float32)
        self._right_ND = np.asarray(right_ND, np.float32)

    def __len__(self):
        return len(self._left_ND)

    def block(self, points: slice) -> np.ndarray:
        """The costs among consecutive points; float32."""
        return -(self._left_ND[points] @ self._right_ND[points].T)

    def summed(self, points: list[int]) -> np.ndarray:
        """Sums of the costs between `points` and each point; float64 (N,)."""
        sum_D = self._left_ND[points].sum(axis=0, dtype=np.float64)
        return -(self._right_ND @ sum_D)

    def sample(self) -> np.ndarray:
        """The costs among all points, or among 2,000 that are evenly spaced; float32."""
        step = -(-len(self) // MOST_SAMPLED)
        return self.block(slice(None, None, step))


class MatrixCosts:
    """The same for a matrix that is in memory."""

    def __init__(self, cost_NN: np.ndarray):
        self._cost_NN = cost_NN

    def __len__(self):
        return len(self._cost_NN)

    def block(self, points: slice) -> np.ndarray:
        """The costs among consecutive points."""
        return self._cost_NN[points, points]

    def summed(self, points: list[int]) -> np.ndarray:
        """Sums of the costs between `points` and each point; float64 (N,)."""
        return self._cost_NN[points].sum(axis=0, dtype=np.float64)


def plda_costs(plda: Plda, u_ND: np.ndarray) -> ProductCosts:
    """Negative log-likelihood ratios of transformed vectors with each other.

    >>> plda = Plda([0.0], [[1.0]], [1.0])
    >>> u_ND = np.array([[1.0], [-1.0]])
    >>> cost_NN = plda_costs(plda, u_ND).block(slice(0, 2))
    >>> bool(np.allclose(cost_NN, -plda.score(u_ND, [1, 1], u_ND)))
    True
    """
    terms = llr_terms(u_ND, np.ones(len(u_ND)), u_ND, plda.psi_D)
    one_N1 = np.ones((len(u_ND), 1))
    left = np.hstack([terms.linear_ED, -0.5 * terms.constant_E1, one_N1])
    right = np.hstack([terms.test_TD, one_N1, -0.5 * terms.quadratic_GT[0][:, np.newaxis]])
    return ProductCosts(left, right)
