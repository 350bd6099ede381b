"""Principal components of the x-vectors of one recording.

Source: Kaldi ``src/ivectorbin/ivector-plda-scoring-dense.cc``.
"""

import numpy as np

from steps_py.backend.lda import Pca


def energy_projection(x_ND: np.ndarray, target_energy: float) -> np.ndarray:
    """Leading principal components (K, D) that hold more than this part of the variance, and one.

    >>> x_ND = np.array([[3.0, 0.0, 0.0], [-3.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, -1.0, 0.0]])
    >>> energy_projection(x_ND, 0.5).shape
    (2, 3)
    """
    pca = Pca().fit(x_ND)
    variance_D = np.maximum(pca.variances_D, 0)
    total = variance_D.sum()
    if total == 0:  # one vector, or all alike
        return pca.transform_DD[:1]
    # Kaldi counts one more than the smallest number whose share exceeds the target
    num_kept = int(np.searchsorted(np.cumsum(variance_D) / total, target_energy, side="right")) + 2
    return pca.transform_DD[:num_kept]
