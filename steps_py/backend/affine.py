"""A linear or affine transform of vectors in memory, as Kaldi's ``transform-vec`` applies it.

Shape suffixes (scope: this module):
    N = vectors   D = dimension   K = dimension after the transform
"""

from collections.abc import Callable

import numpy as np

from steps_py.errors import BackendError
from steps_py.formats.holders import FLOAT_MATRIX
from steps_py.formats.vector_tables import read_finite


def affine_function(path: str) -> Callable[[np.ndarray], np.ndarray]:
    """The transform of a file, a matrix (K, D) or, with an offset last, (K, D + 1).

    The function raises BackendError for vectors of another dimension.
    """
    matrix_KD = read_finite(path, FLOAT_MATRIX).astype(np.float64)

    def transform(x_ND):
        dim = x_ND.shape[1]
        if matrix_KD.shape[1] - dim not in (0, 1):
            raise BackendError(
                f"{path}: has {matrix_KD.shape[1]} columns, the vectors have {dim} dimensions."
            )
        return x_ND @ matrix_KD[:, :dim].T + matrix_KD[:, dim:].sum(axis=1)

    return transform
