"""Linear transforms of vectors, estimated from vectors: WCCN, ZCA, NAP, CORAL.

Each function returns the transform as Kaldi's ``transform-vec`` takes it: a matrix (K, D), or
(K, D + 1) with an offset last.

Shape suffixes (scope: this module):
    D = vector dimension   K = dimension after the transform
"""

from typing import TYPE_CHECKING

import numpy as np

from steps_py.backend.covariance import eigh_falling
from steps_py.errors import BackendError

if TYPE_CHECKING:
    from steps_py.backend.covariance import SpeakerStats

FLOOR = 1e-6  # of eigenvalues, as a share of the largest


def within_covariance(stats: "SpeakerStats") -> np.ndarray:
    """Covariance of vectors about their speakers' means, (D, D), of `SpeakerStats`."""
    if stats.num_speakers == stats.num_vectors:
        raise BackendError(
            f"each of the {stats.num_speakers} speakers has one x-vector only. The within-speaker"
            " covariance needs speakers with two or more."
        )
    return stats.within_scatter_DD / stats.num_vectors


def total_covariance(stats: "SpeakerStats") -> np.ndarray:
    """Covariance of all vectors about their mean, (D, D)."""
    mean_D = stats.mean_D
    return stats.total_scatter_DD / stats.num_vectors - np.outer(mean_D, mean_D)


def power(covariance_DD: np.ndarray, exponent: float, floor: float = FLOOR) -> np.ndarray:
    """A symmetric matrix to a power, its eigenvalues floored.

    >>> power(np.diag([4.0, 9.0]), -0.5)
    array([[0.5       , 0.        ],
           [0.        , 0.33333333]])
    """
    value_D, vector_DD = eigh_falling(covariance_DD)
    if not value_D[0] > 0:
        raise BackendError("backend: a covariance is zero. Are all vectors alike?")
    return (vector_DD * np.maximum(value_D, floor * value_D[0]) ** exponent) @ vector_DD.T


def wccn(stats: "SpeakerStats", smoothing: float = 0.0) -> np.ndarray:
    """The transform after which the within-speaker covariance is unit.

    `smoothing` mixes that share of the unit matrix, of the same trace, into the covariance.
    A. Hatch, S. Kajarekar, A. Stolcke, "Within-class covariance normalization for SVM-based
    speaker recognition", 2006.
    """
    within_DD = within_covariance(stats)
    unit_DD = np.eye(stats.dim) * np.trace(within_DD) / stats.dim
    return power((1 - smoothing) * within_DD + smoothing * unit_DD, -0.5)


def zca(stats: "SpeakerStats") -> np.ndarray:
    """The transform after which mean and covariance are zero and unit, nearest to none."""
    whiten_DD = power(total_covariance(stats), -0.5)
    return np.column_stack([whiten_DD, -whiten_DD @ stats.mean_D])


def nap(stats: "SpeakerStats", num_directions: int) -> np.ndarray:
    """The projection away from the directions in which a speaker's vectors differ most.

    W. Campbell, D. Sturim, D. Reynolds, "Support vector machines using GMM supervectors for
    speaker verification", 2006.
    """
    if num_directions >= stats.dim:
        raise BackendError(
            f"nap: {num_directions} directions of {stats.dim} leave none. Lower num_directions."
        )
    _, vector_DD = eigh_falling(within_covariance(stats))
    removed_DR = vector_DD[:, :num_directions]
    return np.eye(stats.dim) - removed_DR @ removed_DR.T


def coral(
    source_stats: "SpeakerStats", target_stats: "SpeakerStats", ridge: float = 1e-3
) -> np.ndarray:
    """The transform of source vectors after which they have the target's covariance.

    `ridge` times the mean variance is added to both covariances.  B. Sun, J. Feng, K. Saenko,
    "Return of frustratingly easy domain adaptation", 2016.
    """
    source_DD, target_DD = (_with_ridge(s, ridge) for s in (source_stats, target_stats))
    return power(target_DD, 0.5) @ power(source_DD, -0.5)


def _with_ridge(stats, ridge):
    covariance_DD = total_covariance(stats)
    return covariance_DD + ridge * np.trace(covariance_DD) / stats.dim * np.eye(stats.dim)
