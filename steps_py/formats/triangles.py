"""Symmetric matrices as their lower triangles, row by row, as Kaldi keeps them.

Shape suffixes (scope: this module):
    D = rows and columns of a matrix   P = D * (D + 1) / 2
"""

import functools

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


def pack_into(x_DD: np.ndarray, out_P: np.ndarray) -> None:
    """Write the lower triangle of a matrix in rows (D, D) to `out_P`, without a copy between."""
    np.take(x_DD, flat_index(len(x_DD)), out=out_P, mode="clip")  # other modes buffer the result


@functools.lru_cache(maxsize=8)
def full_index(dim: int) -> np.ndarray:
    """Where each element of a symmetric matrix is in its lower triangle (D, D), read-only."""
    index = np.arange(dim)
    row, col = np.maximum.outer(index, index), np.minimum.outer(index, index)
    return _frozen(row * (row + 1) // 2 + col)


@functools.lru_cache(maxsize=8)
def flat_index(dim: int) -> np.ndarray:
    """Where each element of a lower triangle is in the matrix, row by row (P,), read-only."""
    rows, cols = np.tril_indices(dim)
    return _frozen(rows * dim + cols)


def _frozen(index):
    index.flags.writeable = False
    return index
