"""Threshold of similarities by two Gaussians of one variance, fitted by EM.

Parity: VBx ``diarization_lib.py``, ``twoGMMcalib_lin``.
"""

import numpy as np
from scipy.special import softmax

NUM_ITERS = 20


def two_gaussian_threshold(score_X: np.ndarray) -> float:
    """The score at which both Gaussians are equally likely, weights included.

    They start a standard deviation below and above the mean.  For scores that are all alike, that
    score.

    Parameters
    ----------
    score_X : float array of any shape

    Examples
    --------
    >>> round(two_gaussian_threshold(np.array([0.0, 0.1, 0.2, 0.8, 0.9, 1.0])), 3)
    0.5
    """
    score_N1 = np.asarray(score_X, np.float64).reshape(-1, 1)
    weight_2 = np.array([0.5, 0.5])
    mean_2 = score_N1.mean() + score_N1.std() * np.array([-1, 1])
    variance = score_N1.var()
    if variance == 0:
        return float(score_N1.mean())
    for _ in range(NUM_ITERS):
        share_N2 = softmax(np.log(weight_2) - 0.5 * (score_N1 - mean_2) ** 2 / variance, axis=1)
        count_2 = share_N2.sum(axis=0)
        weight_2 = count_2 / count_2.sum()
        mean_2 = score_N1[:, 0] @ share_N2 / count_2
        variance = ((score_N1[:, 0] ** 2 @ share_N2) / count_2 - mean_2**2) @ weight_2
    low, high = np.log(weight_2) - 0.5 * mean_2**2 / variance
    return float((low - high) * variance / (mean_2[1] - mean_2[0]))
