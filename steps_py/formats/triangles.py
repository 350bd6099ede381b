"""Symmetric matrices as their lower triangles, row by row, as Kaldi keeps them.

Shape suffixes (scope: this module):
    D = rows and columns of a matrix   P = D * (D + 1) / 2
"""

import numpy as np


def packed_size(dim: int) -> int:
    """Elements of a packed symmetric matrix: 3 -> 6."""
    return dim * (dim + 1) // 2


def triangle_dim(size: int) -> int:
    """D of a lower triangle of `size` numbers.

    >>> triangle_dim(6)
    3
    """
    return int((np.sqrt(8 * size + 1) - 1) / 2 + 0.5)


def unpacked(x_P: np.ndarray) -> np.ndarray:
    """Symmetric matrices (..., D, D) of lower triangles (..., P).

    >>> unpacked(np.array([1.0, 2.0, 3.0]))
    array([[1., 2.],
           [2., 3.]])
    """
    return x_P[..., full_index(triangle_dim(x_P.shape[-1]))]


def packed(x_DD: np.ndarray) -> np.ndarray:
    """The lower triangles (..., P) of matrices (..., D, D).

    >>> packed(np.array([[1.0, 2.0], [2.0, 3.0]]))
    array([1., 2., 3.])
    """
    dim = x_DD.shape[-1]
    return x_DD.reshape(*x_DD.shape[:-2], dim * dim)[..., flat_index(dim)]


def full_index(dim: int) -> np.ndarray:
    """Where each element of a symmetric matrix is in its lower triangle (D, D)."""
    index = np.arange(dim)
    row, col = np.maximum.outer(index, index), np.minimum.outer(index, index)
    return row * (row + 1) // 2 + col


def flat_index(dim: int) -> np.ndarray:
    """Where each element of a lower triangle is in the matrix, row by row (P,)."""
    rows, cols = np.tril_indices(dim)
    return rows * dim + cols
