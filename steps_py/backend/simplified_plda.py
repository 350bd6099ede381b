r"""Simplified PLDA: speakers differ in a subspace.

Model.  ``x = m + V y + e`` with ``y ~ N(0, I)`` of rank r and ``e ~ N(0, W)``, where W is full or
spherical.  It is two-covariance PLDA with ``B = V V^T``, and is stored and scored as that.

E-step, for a speaker with n vectors of mean f about m: ``y`` has the precision
``L = I + n V^T W^-1 V`` and the mean ``L^-1 V^T W^-1 n f``.  M-step: V and W by least squares on
these, as in factor analysis, then ``V <- V E[y y^T]^(1/2)`` (minimum divergence).

Shape suffixes (scope: this module):
    S = speakers   D = dimension   R = rank

Reference: P. Kenny, "Bayesian speaker verification with heavy-tailed priors", Odyssey 2010, and
D. Garcia-Romero, C. Espy-Wilson, "Analysis of i-vector length normalization in speaker
recognition systems", Interspeech 2011.
"""

from typing import TYPE_CHECKING

import numpy as np

from steps_py.backend.covariance import diagonalize, eigh_falling
from steps_py.backend.plda import Plda
from steps_py.backend.projections import total_covariance, within_covariance
from steps_py.errors import BackendError

if TYPE_CHECKING:
    from steps_py.backend.covariance import SpeakerStats


def fit_simplified_plda(
    stats: "SpeakerStats", rank: int, num_em_iters: int = 20, spherical: bool = False
) -> Plda:
    """The model of labelled vectors, given as `SpeakerStats`.

    Raises BackendError if the rank is more than the dimension or the speakers less one, or each
    speaker has one vector.

    Examples
    --------
    >>> from steps_py.backend.covariance import SpeakerStats
    >>> rng = np.random.default_rng(0)
    >>> speaker_N = np.repeat(np.arange(400), 8)
    >>> x_N2 = 3 * rng.normal(size=(400, 1))[speaker_N] * [1, 0] + rng.normal(size=(3200, 2))
    >>> plda = fit_simplified_plda(SpeakerStats.of(x_N2, speaker_N), rank=1)
    >>> bool(abs(plda.psi_D[0] - 9) < 1), bool(plda.psi_D[1] < 1e-9)
    (True, True)
    """
    most = min(stats.dim, stats.num_speakers - 1)
    if rank > most:
        raise BackendError(
            f"simplified_plda: rank is {rank}, but {stats.num_speakers} speakers of"
            f" {stats.dim} dimensions span {most}. Lower it."
        )
    mean_D = stats.mean_D
    n_S1 = stats.counts_S[:, np.newaxis].astype(np.float64)
    f_SD = stats.means_SD - mean_D
    total_DD = total_covariance(stats)
    within_DD = _residual(within_covariance(stats), spherical)
    value_D, vector_DD = eigh_falling(np.cov(f_SD.T, bias=True).reshape(stats.dim, stats.dim))
    v_DR = vector_DD[:, :rank] * np.sqrt(np.maximum(value_D[:rank], 1e-12))
    for _ in range(num_em_iters):
        v_DR, within_DD = _em_step(v_DR, within_DD, n_S1, f_SD, total_DD, spherical)
    transform_DD, psi_D = diagonalize(within_DD, v_DR @ v_DR.T)
    psi_D[rank:] = 0.0
    return Plda(mean_D, transform_DD, psi_D)


def _em_step(v_DR, within_DD, n_S1, f_SD, total_DD, spherical):
    projected_RD = np.linalg.solve(within_DD, v_DR).T  # V^T W^-1
    rank, num_speakers = v_DR.shape[1], len(n_S1)
    precision_RR = projected_RD @ v_DR
    weighted_RR, unweighted_RR = np.zeros((rank, rank)), np.zeros((rank, rank))
    y_SR = np.empty((num_speakers, rank))
    for n in np.unique(n_S1):  # speakers of as many vectors have one covariance
        rows = n_S1[:, 0] == n
        covariance_RR = np.linalg.inv(np.eye(rank) + n * precision_RR)
        y_SR[rows] = n * f_SD[rows] @ projected_RD.T @ covariance_RR
        moment_RR = rows.sum() * covariance_RR + y_SR[rows].T @ y_SR[rows]
        weighted_RR += n * moment_RR
        unweighted_RR += moment_RR
    cross_DR = (n_S1 * f_SD).T @ y_SR
    v_DR = np.linalg.solve(weighted_RR, cross_DR.T).T
    within_DD = _residual(total_DD - v_DR @ cross_DR.T / n_S1.sum(), spherical)
    return v_DR @ np.linalg.cholesky(unweighted_RR / num_speakers), within_DD


def _residual(within_DD, spherical):
    if spherical:
        return np.eye(len(within_DD)) * np.trace(within_DD) / len(within_DD)
    return (within_DD + within_DD.T) / 2
