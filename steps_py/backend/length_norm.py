"""Length normalisation: vectors are put on a sphere, where PLDA's Gaussians fit better.

D. Garcia-Romero and C. Espy-Wilson, "Analysis of i-vector length normalization in
speaker recognition systems", Interspeech 2011.

Shape suffixes (scope: this module):
    N = vectors   D = dimension
"""

import numpy as np


def length_ratios(x_ND: np.ndarray, scaleup: bool = True) -> np.ndarray:
    """How much longer each vector is than `normalize_length` makes it; shape (N,).

    >>> length_ratios(np.array([[3.0, 4.0]]), scaleup=False)
    array([5.])
    """
    x_ND = np.asarray(x_ND)
    norm_N = np.sqrt(np.einsum("nd,nd->n", x_ND, x_ND, dtype=np.float64))
    return (norm_N / np.sqrt(x_ND.shape[1]) if scaleup else norm_N).astype(x_ND.dtype)


def normalize_length(x_ND: np.ndarray, scaleup: bool = True) -> np.ndarray:
    """Scale every vector to length sqrt(D), or to 1 without `scaleup`.

    sqrt(D) is the length to expect of D standard normal numbers.  A vector of zeros has
    no direction and stays as it is.  Returns an array of the shape and type of `x_ND`.

    >>> normalize_length(np.array([[3.0, 4.0], [0.0, 0.0]]), scaleup=False)
    array([[0.6, 0.8],
           [0. , 0. ]])
    """
    x_ND = np.asarray(x_ND)
    ratio_N = length_ratios(x_ND, scaleup)
    scale_N = 1 / np.where(ratio_N == 0, 1, ratio_N).astype(x_ND.dtype)
    return x_ND * scale_N[:, np.newaxis]
