"""Adapt a PLDA model to a new domain from unlabelled x-vectors.

The total covariance of the new domain is compared with that of the model.  In
directions where it is larger, the excess is shared out between the within- and the
between-speaker covariance; directions where it is smaller stay as they are.  The mean
becomes that of the new domain.

Shape suffixes (scope: this module):
    N = vectors   D = x-vector dimension

Parity: Kaldi ``src/ivector/plda.cc`` (PldaUnsupervisedAdaptor).
"""

from dataclasses import dataclass

import numpy as np

from steps_py.backend.covariance import check_finite, diagonalize, eigh_falling
from steps_py.backend.plda import Plda
from steps_py.errors import BackendError

_BLOCK_VECTORS = 4096


@dataclass(frozen=True, kw_only=True)
class AdaptConfig:
    """How `adapt_plda` uses what the new domain shows."""

    mean_diff_scale: float = 1.0
    """How much of the shift of the mean counts as variance of the new domain."""
    within_covar_scale: float = 0.3
    """Part of the excess variance that becomes within-speaker covariance."""
    between_covar_scale: float = 0.7
    """Part of the excess variance that becomes between-speaker covariance."""

    def __post_init__(self):
        for name in ("mean_diff_scale", "within_covar_scale", "between_covar_scale"):
            if not getattr(self, name) >= 0:
                raise BackendError(
                    f"PLDA adaptation: {name} must be >= 0, got {vars(self)[name]:g}"
                )


def adapt_plda(
    plda: Plda, x_ND: np.ndarray, config: AdaptConfig | None = None
) -> tuple[Plda, np.ndarray]:
    """The model `plda`, adapted to the vectors `x_ND`; `plda` stays as it is.

    Parameters
    ----------
    plda : Plda
    x_ND : float array of shape (N, D)
        x-vectors of the new domain, prepared as those the model was trained on.
    config : AdaptConfig, optional

    Returns
    -------
    adapted : Plda
    excess_D : float64 array of shape (D,)
        Variances of the new domain, falling, where the model's total is 1.

    Raises
    ------
    BackendError
        If there are no vectors, they have another dimension, or are not finite.

    Examples
    --------
    A model with variances 1 and 1 meets data of variance 4: the excess is 4 / 2 - 1 = 1
    times the model's total of 2, and 0.3 of it goes within:

    >>> model = Plda([0.0], [[1.0]], [1.0])
    >>> adapted, excess_D = adapt_plda(model, np.array([[-2.0], [2.0]]))
    >>> within, between = adapted.covariances()
    >>> print(excess_D.round(6), within.round(6), between.round(6))
    [2.] [[1.6]] [[2.4]]
    """
    config = config or AdaptConfig()
    x_ND = np.asarray(x_ND)
    mean_D, variance_DD = _moments(x_ND, plda.dim)
    shift_D = mean_D - plda.mean_D
    variance_DD += config.mean_diff_scale * np.outer(shift_D, shift_D)

    # to_unit makes the model's total covariance I and the data's diagonal
    total_D = 1 + plda.psi_D
    unit_DD = plda.transform_DD / np.sqrt(total_D)[:, np.newaxis]
    excess_D, rotation_DD = eigh_falling(unit_DD @ variance_DD @ unit_DD.T)
    to_unit_DD = rotation_DD.T @ unit_DD

    # there, the model's covariances W and B = I - W get their shares of the excess
    within_DD = (rotation_DD.T / total_D) @ rotation_DD
    between_DD = (rotation_DD.T * (plda.psi_D / total_D)) @ rotation_DD
    more_D = np.maximum(excess_D - 1, 0)
    update_DD, psi_D = diagonalize(
        within_DD + np.diag(config.within_covar_scale * more_D),
        between_DD + np.diag(config.between_covar_scale * more_D),
    )
    return Plda(mean_D, update_DD @ to_unit_DD, psi_D), excess_D


def _moments(x_ND, dim):
    """Mean and covariance of the vectors, checked."""
    if x_ND.ndim != 2 or x_ND.shape[1] != dim or len(x_ND) == 0:
        raise BackendError(
            f"PLDA adaptation: the vectors have shape {x_ND.shape}, the model expects"
            f" (N, {dim}) with N >= 1. Were they prepared as for training?"
        )
    mean_D = x_ND.mean(axis=0, dtype=np.float64)
    covar_DD = np.zeros((dim, dim))
    for block in range(0, len(x_ND), _BLOCK_VECTORS):
        centred = x_ND[block : block + _BLOCK_VECTORS] - mean_D
        check_finite(centred, "vectors for PLDA adaptation", first_row=block)
        covar_DD += centred.T @ centred
    return mean_D, covar_DD / len(x_ND)
