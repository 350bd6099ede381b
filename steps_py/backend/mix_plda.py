"""Adaptation of PLDA models: CORAL+, and interpolation of two trained models.

Shape suffixes (scope: this module):
    D = dimension
"""

from typing import TYPE_CHECKING

import numpy as np

from steps_py.backend.covariance import diagonalize
from steps_py.backend.plda import Plda
from steps_py.backend.projections import coral
from steps_py.errors import BackendError

if TYPE_CHECKING:
    from steps_py.backend.covariance import SpeakerStats


def plda_of_covariances(mean_D: np.ndarray, within_DD: np.ndarray, between_DD: np.ndarray) -> Plda:
    """The model of a mean and two covariances."""
    return Plda(mean_D, *diagonalize(within_DD, between_DD))


def interpolate(plda: Plda, other: Plda, weight: float) -> Plda:
    """The model whose covariances are ``weight * other + (1 - weight) * plda``.

    The mean is that of `other`, the model of the trials' domain.  D. Garcia-Romero, A. McCree,
    "Supervised domain adaptation for i-vector based speaker recognition", 2014.

    >>> one, two = Plda([0.0], [[1.0]], [3.0]), Plda([5.0], [[0.5]], [1.0])
    >>> within, between = interpolate(one, two, 0.5).covariances()
    >>> print(within, between)
    [[2.5]] [[3.5]]
    """
    if plda.dim != other.dim:
        raise BackendError(f"PLDA: models of {plda.dim} and {other.dim} dimensions do not mix.")
    mixed = [
        weight * b_DD + (1 - weight) * a_DD
        for a_DD, b_DD in zip(plda.covariances(), other.covariances(), strict=True)
    ]
    return plda_of_covariances(other.mean_D, *mixed)


def coral_plus(
    plda: Plda,
    training_stats: "SpeakerStats",
    adaptation_stats: "SpeakerStats",
    within_scale: float = 0.8,
    between_scale: float = 0.8,
) -> Plda:
    """CORAL+: the covariances grow where those of the recoloured training vectors are larger.

    With A the transform of `coral`, a covariance C becomes ``C + scale * max(0, A C A^T - C)``,
    the maximum taken in the space in which both are diagonal.  K. A. Lee, Q. Wang, T. Koshinaka,
    "The CORAL+ algorithm for unsupervised domain adaptation of PLDA", 2019.

    Parameters
    ----------
    plda : Plda
        Trained on the vectors of `training_stats`.
    training_stats, adaptation_stats : SpeakerStats
        Of the vectors of both domains, prepared alike.
    within_scale, between_scale : float
        Shares of the excess that are added; 0 changes nothing.
    """
    recolour_DD = coral(training_stats, adaptation_stats, ridge=1e-6)
    grown = [
        _grown(covariance_DD, recolour_DD @ covariance_DD @ recolour_DD.T, scale)
        for covariance_DD, scale in zip(
            plda.covariances(), (within_scale, between_scale), strict=True
        )
    ]
    return plda_of_covariances(adaptation_stats.mean_D, *grown)


def _grown(covariance_DD, target_DD, scale):
    """``C + scale * max(0, target - C)`` in the space in which C is unit, the target diagonal."""
    floor = 1e-9 * np.trace(covariance_DD) / len(covariance_DD)
    whole_DD = covariance_DD + floor * np.eye(len(covariance_DD))
    to_unit_DD, ratio_D = diagonalize(whole_DD, target_DD)
    back_DD = np.linalg.inv(to_unit_DD)
    return covariance_DD + scale * (back_DD * np.maximum(ratio_D - 1, 0)) @ back_DD.T
