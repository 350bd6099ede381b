"""One EM update of an i-vector extractor from its statistics.

In the order of Kaldi: M, the weights' projections, the covariances, the prior; the last changes the
space of i-vectors so that they have the prior's mean and unit covariance, and with `diagonalize` so
that the average precision of the data is diagonal, largest first. Suffixes: see extractor.py.
"""

import dataclasses

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from steps_py.errors import KaldiError
from steps_py.formats.log import log, warn
from steps_py.formats.triangles import packed, unpacked
from steps_py.ivector.extractor import IvectorExtractor
from steps_py.ivector.statistics import IvectorStats

_MOST_CONDITION = 1e4  # smaller eigenvalues of quadratic terms are raised
_LEAST_VARIANCE = 1e-7  # of i-vectors


@dataclasses.dataclass
class EstimationConfig:
    """`variance_floor_factor` of the average covariance, 0 to 1; `min_count` of a Gaussian."""

    variance_floor_factor: float = 0.1
    min_count: float = 100.0
    diagonalize: bool = True


def update(extractor: IvectorExtractor, stats: IvectorStats, config: EstimationConfig) -> None:
    """Update the extractor in place.

    Raises
    ------
    KaldiError
        If the statistics are of another extractor, or too few for any Gaussian.
    """
    stats.check(extractor)
    num_frames = float(stats.counts_I.sum())
    if stats.num_ivectors <= 0 or num_frames <= 0:
        raise KaldiError("statistics of no utterance. Were all of them left out?")
    if stats.objective:
        log(
            f"Overall auxf/frame on training data was {stats.objective / num_frames:.6g} per frame"
            f" over {num_frames:.6g} frames."
        )
    gain = update_projections(extractor, stats, config)
    log(f"Objective function improvement for M was {gain / num_frames:.6g} per frame")
    if extractor.has_own_weights:
        gain = update_weights(extractor, stats)
        log(f"Objective function improvement for weights was {gain / num_frames:.6g} per frame")
    if len(stats.scatter_IQ):
        gain = update_variances(extractor, stats, config)
        log(f"Objective function improvement for variances was {gain / num_frames:.6g} per frame")
    update_prior(extractor, stats, config)


def update_projections(extractor, stats, config) -> float:
    """M of each Gaussian with `min_count`; by how much the objective grows."""
    gain = 0.0
    for i, count in enumerate(stats.counts_I):
        if count < config.min_count:
            warn(f"Skipping Gaussian index {i} because count {count:.6g} is below min-count.")
            continue
        inv_cov_DD = extractor.inv_cov(i)
        M_DS, more = solve_quadratic(
            unpacked(stats.R_IP[i]), stats.Y_IDS[i], inv_cov_DD, extractor.M_IDS[i]
        )
        extractor.M_IDS[i] = M_DS
        gain += more
    return gain


def update_weights(extractor, stats) -> float:
    """The projections of own weights; by how much the objective grows."""
    gain, one = 0.0, np.ones((1, 1))
    for i, linear_S in enumerate(stats.linear_IS):
        before_1S = extractor.log_weights_IS[i : i + 1]
        w_1S, more = solve_quadratic(
            unpacked(stats.quadratic_IP[i]), linear_S[np.newaxis], one, before_1S
        )
        extractor.log_weights_IS[i] = w_1S[0]
        gain += more
    return gain


def solve_quadratic(Q_SS, Y_DS, inv_cov_DD, M_DS):
    """The maximum over M of tr(M' C Y) - tr(C M Q M') / 2, near the present M where Q is singular.

    Eigenvalues of Q, scaled to a unit diagonal, are raised to the largest one's 10,000th part.
    Returns M (D, S) and how much the function grows; the present M if it would fall.
    """
    if not Q_SS.any():
        return M_DS, 0.0
    scale_S = np.sqrt(np.maximum(Q_SS.diagonal(), np.finfo(float).tiny * 1e3))
    scaled_SS = Q_SS / scale_S / scale_S[:, np.newaxis]
    residual_DS = (Y_DS - M_DS @ Q_SS) / scale_S
    change_DS = _divide(residual_DS, scaled_SS)
    weighted_DS = inv_cov_DD @ change_DS
    gain = float(np.sum(weighted_DS * (residual_DS - 0.5 * change_DS @ scaled_SS)))
    if gain < 0:
        return M_DS, 0.0
    return M_DS + change_DS / scale_S, gain


def _divide(x_DS, Q_SS):
    """x Q^-1 with Q's small eigenvalues raised."""
    largest = np.abs(Q_SS).sum(axis=0).max()  # no eigenvalue is larger
    shifted_SS = Q_SS.copy()
    shifted_SS.ravel()[:: len(Q_SS) + 1] -= largest / _MOST_CONDITION
    if _is_positive(shifted_SS):  # none is so small: no need of eigenvalues
        return cho_solve(cho_factor(Q_SS, lower=True, check_finite=False), x_DS.T).T
    values_S, vectors_SS = np.linalg.eigh(Q_SS)
    values_S = np.maximum(values_S, max(1e-40, values_S[-1] / _MOST_CONDITION))
    return ((x_DS @ vectors_SS) / values_S) @ vectors_SS.T


def _is_positive(x_SS):
    try:
        np.linalg.cholesky(x_SS)
    except np.linalg.LinAlgError:
        return False
    return True


def update_variances(extractor, stats, config) -> float:
    """The covariances of Gaussians with `min_count`; by how much the objective grows."""
    used = np.flatnonzero(stats.counts_I >= config.min_count)
    if not len(used):
        raise KaldiError(
            f"no Gaussian has a count of {config.min_count:g}. Use more data, fewer Gaussians or"
            " a smaller --gaussian-min-count."
        )
    scatter_DD = {i: _central_scatter(extractor, stats, i) for i in used}
    floor_DD = sum(scatter_DD.values())
    floor_DD = floor_DD * (config.variance_floor_factor / stats.counts_I[used].sum())
    floor_DD, num_floored = _floored_eigenvalues(floor_DD)
    if num_floored:
        warn(
            f"Floored {num_floored} eigenvalues of the variance floor matrix: is one feature a sum"
            " of others?"
        )
    factor_DD = np.linalg.cholesky(floor_DD)
    inverse_DD = np.linalg.inv(factor_DD)
    gain, total_floored = 0.0, 0
    for i in used:
        cov_DD = scatter_DD.pop(i) / stats.counts_I[i]
        floored_DD, num_floored = _floor_covariance(cov_DD, floor_DD, factor_DD, inverse_DD)
        total_floored += num_floored
        old_DD, new_DD = extractor.inv_cov(i), np.linalg.inv(floored_DD)
        old, new = (_normal_objective(cov_DD, inv_DD) for inv_DD in (old_DD, new_DD))
        gain += stats.counts_I[i] * (new - old)
        extractor.inv_covs_IQ[i] = packed((new_DD + new_DD.T) / 2)
    percent = 100 * total_floored / (extractor.num_gauss * extractor.feat_dim)
    log(f"Floored {percent:.6g}% of all Gaussian eigenvalues")
    return gain


def _central_scatter(extractor, stats, i):
    """The scatter of the features of Gaussian `i` around the means of their i-vectors (D, D)."""
    M_DS = extractor.M_IDS[i]
    cross_DD = stats.Y_IDS[i] @ M_DS.T
    within_DD = M_DS @ unpacked(stats.R_IP[i]) @ M_DS.T
    scatter_DD = unpacked(stats.scatter_IQ[i]) - cross_DD - cross_DD.T + within_DD
    return (scatter_DD + scatter_DD.T) / 2


def _normal_objective(cov_DD, inv_cov_DD):
    return -0.5 * float(np.sum(cov_DD * inv_cov_DD) - np.linalg.slogdet(inv_cov_DD)[1])


def _floored_eigenvalues(x_DD):
    """With eigenvalues raised to the largest absolute one's 10,000th part, and how many were."""
    values_D, vectors_DD = np.linalg.eigh(x_DD)
    floor = 1e-4 * np.abs(values_D).max()
    low_D = values_D < floor
    if not low_D.any():
        return x_DD, 0
    return (vectors_DD * np.maximum(values_D, floor)) @ vectors_DD.T, int(low_D.sum())


def _floor_covariance(cov_DD, floor_DD, factor_DD, inverse_DD):
    """The covariance, in no direction smaller than the floor; in how many directions it was."""
    if _is_positive(cov_DD - floor_DD):
        return cov_DD, 0
    values_D, vectors_DD = np.linalg.eigh(inverse_DD @ cov_DD @ inverse_DD.T)
    low_D = values_D < 1
    back_DD = factor_DD @ vectors_DD
    return (back_DD * np.maximum(values_D, 1)) @ back_DD.T, int(low_D.sum())


def update_prior(extractor, stats, config) -> None:
    """Change the space of i-vectors: unit covariance, and the mean along the first dimension."""
    mean_S = stats.sum_S / stats.num_ivectors
    cov_SS = unpacked(stats.scatter_P) / stats.num_ivectors - np.outer(mean_S, mean_S)
    values_S, vectors_SS = np.linalg.eigh(cov_SS)
    log(f"Eigenvalues of iVector covariance range from {values_S[0]:.6g} to {values_S[-1]:.6g}")
    num_floored = int((values_S < _LEAST_VARIANCE).sum())
    if num_floored:
        warn(f"Floored {num_floored} eigenvalues of covar of iVectors.")
    whitening_SS = vectors_SS.T / np.sqrt(np.maximum(values_S, _LEAST_VARIANCE))[:, np.newaxis]
    transform_SS = _reflection(whitening_SS @ mean_S) @ whitening_SS
    if config.diagonalize:
        rest_SS = transform_SS[1:]
        transform_SS[1:] = _principal_axes(extractor, rest_SS[:, 1:]) @ rest_SS
    extractor.offset = float((transform_SS @ mean_S)[0])
    log(f"Setting iVector prior offset to {extractor.offset:.6g}")
    inverse_SS = np.linalg.inv(transform_SS)
    for i, M_DS in enumerate(extractor.M_IDS):
        extractor.M_IDS[i] = M_DS @ inverse_SS
    if extractor.has_own_weights:
        extractor.log_weights_IS = extractor.log_weights_IS @ inverse_SS


def _reflection(x_S):
    """The Householder matrix (S, S) that sends `x_S` to its length in the first dimension."""
    length = np.linalg.norm(x_S)
    if length == 0:
        raise KaldiError("the mean of the i-vectors is zero. Is the extractor damaged?")
    axis_S = x_S / length
    axis_S[0] -= 1.0
    norm = axis_S @ axis_S
    if norm == 0:  # it is there already
        return np.eye(len(x_S))
    return np.eye(len(x_S)) - 2.0 / norm * np.outer(axis_S, axis_S)


def _principal_axes(extractor, transform_RR):
    """Axes, as rows, of the data's average precision after a transform of all but the first dim."""
    weights_I = extractor.weights_I
    if extractor.has_own_weights:
        weights_I = np.full(extractor.num_gauss, 1 / extractor.num_gauss)
    average_SS = np.zeros((extractor.dim, extractor.dim))
    for i, weight in enumerate(weights_I):
        half_DS = extractor.half_precisions(i)
        average_SS += weight * (half_DS.T @ half_DS)
    inverse_RR = np.linalg.inv(transform_RR)
    values_R, vectors_RR = np.linalg.eigh(inverse_RR.T @ average_SS[1:, 1:] @ inverse_RR)
    order = np.argsort(-np.abs(values_R), kind="stable")
    log(f"Eigenvalues of Vavg: [ {' '.join(f'{v:.6g}' for v in values_R[order])} ]")
    return vectors_RR[:, order].T
