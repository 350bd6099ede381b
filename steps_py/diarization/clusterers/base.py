"""The contract of clusterers, and what they share.

Shape suffixes (scope: this package):
    N = windows of a recording   D = dimension of x-vectors   S = speakers
"""

from typing import Any

import numpy as np

from steps_py.backend.plda import Plda
from steps_py.errors import ConfigError
from steps_py.registry import Registry

CLUSTERERS = Registry("diarization clusterer", home="steps_py.diarization.clusterers")


class Clusterer:
    """Groups the windows of one recording by speaker.

    Parameters
    ----------
    config : Config
        Of the registered class.
    """

    def __init__(self, config: Any):
        self.config = config

    def labels(
        self, x_ND: np.ndarray, plda: Plda | None = None, num_speakers: int | None = None
    ) -> np.ndarray:
        """The speaker of each window, int (N,); numbers are arbitrary, and some may be missing.

        Parameters
        ----------
        x_ND : float array of shape (N, D)
            x-vectors of the windows in order of time, as the network gives them.
        plda : Plda, optional
            A model of these x-vectors.
        num_speakers : int, optional
            If it is known, from 1 to N; otherwise it is estimated.

        Raises
        ------
        ConfigError
            If the clusterer needs a PLDA and there is none, or cannot take so many windows.
        """
        raise NotImplementedError


def unit_rows(x_ND: np.ndarray, centre: bool = False) -> np.ndarray:
    """Rows divided by their lengths, with `centre` after their mean is subtracted; zeros stay.

    >>> unit_rows(np.array([[3.0, 4.0], [0.0, 0.0]])).tolist()
    [[0.6, 0.8], [0.0, 0.0]]
    """
    x_ND = np.asarray(x_ND, np.float64)
    if centre:
        x_ND = x_ND - x_ND.mean(axis=0)
    length_N1 = np.linalg.norm(x_ND, axis=1, keepdims=True)
    return x_ND / np.where(length_N1 > 0, length_N1, 1)


def means_of(x_ND: np.ndarray, label_N: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means of clusters (S, D), and the row of its mean for each window (N,).

    >>> mean_SD, row_N = means_of(np.array([[1.0], [5.0], [3.0]]), np.array([7, 2, 7]))
    >>> mean_SD.tolist(), row_N.tolist()
    ([[5.0], [2.0]], [1, 0, 1])
    """
    labels, row_N = np.unique(label_N, return_inverse=True)
    sum_SD = np.zeros((len(labels), x_ND.shape[1]))
    np.add.at(sum_SD, row_N, x_ND)
    return sum_SD / np.bincount(row_N)[:, np.newaxis], row_N


def need_plda(name: str, plda: Plda | None) -> Plda:
    """`plda`; ConfigError if there is none."""
    if plda is None:
        raise ConfigError(
            f"diarization: the clusterer '{name}' needs a PLDA model, and there is none. Give"
            " diarization.plda."
        )
    return plda
