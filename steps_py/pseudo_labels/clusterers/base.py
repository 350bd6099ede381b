"""The contract of clusterers, and what they share.

Shape suffixes (scope: this package):
    N = utterances   D = dimension of x-vectors   K = clusters
"""

from typing import Any

import numpy as np

from steps_py.errors import ConfigError
from steps_py.registry import Registry

CLUSTERERS = Registry("clusterer", home="steps_py.pseudo_labels.clusterers")


class Clusterer:
    """Groups directions by the angles between them.

    Parameters
    ----------
    config : Config
        Of the registered class.
    seed : int
        The same seed and x-vectors give the same clusters.
    """

    def __init__(self, config: Any, seed: int):
        self.config, self.seed = config, seed

    def labels(self, x_ND: np.ndarray) -> np.ndarray:
        """The cluster of each row, int (N,); numbers are arbitrary, and some may be missing.

        Rows have length 1.
        """
        raise NotImplementedError


def check_num_clusters(name: str, num_clusters: int, num_utts: int) -> None:
    """Raise ConfigError if there are more clusters than utterances."""
    if num_clusters > num_utts:
        raise ConfigError(
            f"pseudo_labels.clusterer: '{name}' is to find {num_clusters} clusters among"
            f" {num_utts} utterances. Lower its number of clusters."
        )


def centres_of(x_ND: np.ndarray, label_N: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Directions of the means of clusters (K, D), and the row of its centre for each utterance.

    >>> x_ND = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    >>> centre_KD, row_N = centres_of(x_ND, np.array([7, 2, 7]))
    >>> centre_KD.tolist(), row_N.tolist()
    ([[0.0, 1.0], [1.0, 0.0]], [1, 0, 1])
    """
    labels, row_N = np.unique(label_N, return_inverse=True)
    sum_KD = np.zeros((len(labels), x_ND.shape[1]))
    np.add.at(sum_KD, row_N, x_ND)
    return unit_length(sum_KD), row_N


def unit_length(x_ND: np.ndarray) -> np.ndarray:
    """Rows divided by their lengths; zeros stay zeros.

    >>> unit_length(np.array([[3.0, 4.0], [0.0, 0.0]])).tolist()
    [[0.6, 0.8], [0.0, 0.0]]
    """
    length_N1 = np.linalg.norm(x_ND, axis=1, keepdims=True)
    return x_ND / np.where(length_N1 > 0, length_N1, 1)
