"""Maximum-likelihood estimates of a mixture from its statistics (src/gmm/mle-*-gmm.cc).

Shape suffixes (scope: this module):
    G = Gaussians   D = dimension   L = Gaussians with too little data
"""

import dataclasses

import numpy as np

from steps_py.errors import KaldiError
from steps_py.formats.triangles import packed
from steps_py.gmm.accumulators import DiagAccumulator, FullAccumulator
from steps_py.gmm.blocks import row_blocks
from steps_py.gmm.diag_gmm import DiagGmm
from steps_py.gmm.full_gmm import FullGmm
from steps_py.gmm.update_flags import UpdateFlags

LEAST_OCCUPANCY = 1e-10
LEAST_WEIGHT = 1e-10


@dataclasses.dataclass(frozen=True)
class Limits:
    """What an estimate must have.

    min_weight, min_occupancy    a Gaussian with less keeps its mean and variance
    remove_low                   or is removed
    min_variance                 floor on variances, or on the eigenvalues of full covariances
    max_condition                of full covariances: largest over smallest eigenvalue
    """

    min_weight: float = 1e-5
    min_occupancy: float = 10.0
    remove_low: bool = True
    min_variance: float = 0.001
    max_condition: float = 1e4


@dataclasses.dataclass
class Estimate:
    """An estimated mixture and what happened.

    gmm             the mixture
    objf_change     increase of the log-likelihood, summed over frames
    count           number of frames
    removed         Gaussians that were removed: indices of the old mixture
    kept_low        Gaussians with too little data that were kept
    num_floored     elements of variances, or eigenvalues, that were raised to the floor
    gauss_floored   Gaussians with such elements
    """

    gmm: DiagGmm | FullGmm
    objf_change: float
    count: float
    removed: list[int]
    kept_low: list[int]
    num_floored: int
    gauss_floored: int


def estimate_diag(
    gmm: DiagGmm, stats: DiagAccumulator, flags: UpdateFlags, limits: Limits
) -> Estimate:
    """The diagonal mixture that makes the frames of `stats` most likely.

    >>> from steps_py.formats.posteriors import Posterior
    >>> gmm = DiagGmm.of_moments([1.0], [[0.0]], [[1.0]])
    >>> stats = DiagAccumulator(1, 1, UpdateFlags(7))
    >>> stats.add(np.array([[1.0], [3.0]], np.float32), Posterior.of([[(0, 1)], [(0, 1)]]))
    >>> new = estimate_diag(gmm, stats, UpdateFlags(7), Limits(min_occupancy=1.0)).gmm
    >>> new.means_GD().tolist(), new.variances_GD().tolist()
    ([[2.0]], [[1.0]])
    """
    _check(gmm, stats, flags)
    weights_G, enough_G = _weights(gmm, stats, limits)
    occupancy_G1 = stats.occupancy_G[enough_G, np.newaxis]
    old_means_GD = gmm.means_GD()
    means_GD, variances_GD = old_means_GD.copy(), gmm.variances_GD()
    floored_GD = np.zeros((0, gmm.dim), bool)
    if stats.flags & UpdateFlags.MEANS:
        means_GD[enough_G] = stats.means_GD[enough_G] / occupancy_G1
    if stats.variances is not None:
        new_GD = stats.variances[enough_G] / occupancy_G1 - means_GD[enough_G] ** 2
        if not flags & UpdateFlags.MEANS:  # around the mean that stays
            new_GD += (old_means_GD - means_GD)[enough_G] ** 2
        floored_GD = new_GD < limits.min_variance
        variances_GD[enough_G] = np.maximum(new_GD, limits.min_variance)
    inv_vars_GD, means_invvars_GD = gmm.inv_vars_GD, gmm.means_invvars_GD
    if flags & UpdateFlags.VARIANCES:
        inv_vars_GD = 1.0 / variances_GD
        means_invvars_GD = old_means_GD * inv_vars_GD
    if flags & UpdateFlags.MEANS:
        means_invvars_GD = means_GD * inv_vars_GD
    new_weights_G = weights_G if flags & UpdateFlags.WEIGHTS else gmm.weights_G
    new = DiagGmm(new_weights_G, means_invvars_GD, inv_vars_GD)
    change = _diag_objf(new, stats) - _diag_objf(gmm, stats)
    return _estimate(new, change, stats, enough_G, limits, floored_GD.sum(axis=1))


def estimate_full(
    gmm: FullGmm, stats: FullAccumulator, flags: UpdateFlags, limits: Limits
) -> Estimate:
    """The full-covariance mixture that makes the frames of `stats` most likely."""
    _check(gmm, stats, flags)
    weights_G, enough_G = _weights(gmm, stats, limits)
    occupancy_G1 = stats.occupancy_G[enough_G, np.newaxis]
    old_means_GD = gmm.means_GD()
    means_GD, covars_GDD = old_means_GD.copy(), gmm.covars_GDD()
    num_floored = np.zeros(0, int)
    if stats.flags & UpdateFlags.MEANS:
        means_GD[enough_G] = stats.means_GD[enough_G] / occupancy_G1
    if stats.variances is not None:
        new_GDD = stats.variances[enough_G] / occupancy_G1[..., np.newaxis]
        new_GDD -= _outer(means_GD[enough_G])
        if not flags & UpdateFlags.MEANS:  # around the mean that stays
            new_GDD += _outer((old_means_GD - means_GD)[enough_G])
        num_floored = floor_eigenvalues(new_GDD, limits)
        covars_GDD[enough_G] = new_GDD
    inv_covars_GP, means_invcovars_GD = gmm.inv_covars_GP, gmm.means_invcovars_GD
    inv_covars_GDD = gmm.inv_covars_GDD()
    if flags & UpdateFlags.VARIANCES:
        inv_covars_GDD = np.linalg.inv(covars_GDD)
        inv_covars_GP = packed(inv_covars_GDD)
        means_invcovars_GD = np.einsum("gde,ge->gd", inv_covars_GDD, old_means_GD)
    if flags & UpdateFlags.MEANS:
        means_invcovars_GD = np.einsum("gde,ge->gd", inv_covars_GDD, means_GD)
    new_weights_G = weights_G if flags & UpdateFlags.WEIGHTS else gmm.weights_G
    new = FullGmm(new_weights_G, means_invcovars_GD, inv_covars_GP)
    change = _full_objf(new, stats) - _full_objf(gmm, stats)
    return _estimate(new, change, stats, enough_G, limits, num_floored)


def initial_full(stats: FullAccumulator, num_gauss: int, limits: Limits, generator) -> Estimate:
    """A full-covariance mixture from statistics alone.

    Gaussians of the first `num_gauss` with hardly any data get a random mean and unit covariance.
    """
    if stats.num_gauss != num_gauss:
        raise KaldiError(
            f"statistics of {stats.num_gauss} Gaussians, but {num_gauss} are requested. Give the"
            " number that the posteriors have."
        )
    if stats.variances is None:
        raise KaldiError("statistics without variances. Compute them with --update-flags=mvw.")
    low_G = stats.occupancy_G < LEAST_OCCUPANCY
    occupancy_G = np.where(low_G, 1.0, stats.occupancy_G)
    means_GD = stats.means_GD / occupancy_G[:, np.newaxis]
    means_GD[low_G] = generator.standard_normal((int(low_G.sum()), stats.dim))
    covars_GDD = stats.variances / occupancy_G[:, np.newaxis, np.newaxis] - _outer(means_GD)
    covars_GDD[low_G] = np.eye(stats.dim)
    num_floored = floor_eigenvalues(covars_GDD, limits)
    weights_G = np.where(low_G, LEAST_WEIGHT, stats.occupancy_G)
    gmm = FullGmm.of_moments(weights_G / weights_G.sum(), means_GD, covars_GDD)
    low = np.flatnonzero(low_G).tolist()
    return Estimate(
        gmm, 0.0, stats.occupancy_G.sum(), [], low, int(num_floored.sum()), _positive(num_floored)
    )


def floor_eigenvalues(covars_GDD: np.ndarray, limits: Limits) -> np.ndarray:
    """Raise eigenvalues to the floor, in place; how many were raised in each matrix."""
    num_floored_G = np.zeros(len(covars_GDD), int)
    for rows in row_blocks(len(covars_GDD), 32 * covars_GDD.shape[1] ** 2):
        values_BD = np.linalg.eigvalsh(covars_GDD[rows])
        floors_B = np.maximum(
            limits.min_variance, np.abs(values_BD).max(axis=1) / limits.max_condition
        )
        num_floored_G[rows] = (values_BD < floors_B[:, np.newaxis]).sum(axis=1)
        for g in np.flatnonzero(num_floored_G[rows]):
            values_D, vectors_DD = np.linalg.eigh(covars_GDD[rows][g])
            values_D = np.maximum(values_D, floors_B[g])
            covars_GDD[rows.start + g] = (vectors_DD * values_D) @ vectors_DD.T
    return num_floored_G


def _check(gmm, stats, flags):
    if flags & ~stats.flags:
        raise KaldiError(
            "the statistics lack what --update-flags requests. Accumulate them with the same flags."
        )
    if (stats.num_gauss, stats.dim) != (gmm.num_gauss, gmm.dim):
        raise KaldiError(
            f"statistics of {stats.num_gauss} Gaussians of dimension {stats.dim} for a model of"
            f" {gmm.num_gauss} of dimension {gmm.dim}. They are of another model."
        )


def _weights(gmm, stats, limits):
    """(new weights, which Gaussians have enough data)."""
    total = stats.occupancy_G.sum()
    share_G = (
        stats.occupancy_G / total if total > 0 else np.full(gmm.num_gauss, 1.0 / gmm.num_gauss)
    )
    # the limits are single-precision numbers in Kaldi
    min_weight, min_occupancy = np.float32(limits.min_weight), np.float32(limits.min_occupancy)
    enough_G = (stats.occupancy_G > float(min_occupancy)) & (share_G > float(min_weight))
    removed, kept = _low_gaussians(enough_G, limits)
    weights_G = share_G.copy()
    weights_G[removed] = gmm.weights_G[removed]
    weights_G[kept] = np.maximum(share_G[kept], min_weight)
    return weights_G, enough_G


def _low_gaussians(enough_G, limits):
    """(those to remove, those to keep) of the Gaussians with too little data; one stays."""
    low = np.flatnonzero(~enough_G)
    num_removed = min(len(low), len(enough_G) - 1) if limits.remove_low else 0
    return low[:num_removed], low[num_removed:]


def _estimate(gmm, change, stats, enough_G, limits, num_floored):
    removed, kept = (part.tolist() for part in _low_gaussians(enough_G, limits))
    return Estimate(
        gmm.without(removed) if removed else gmm,
        float(change),
        float(stats.occupancy_G.sum()),
        removed,
        kept,
        int(num_floored.sum()),
        _positive(num_floored),
    )


def _positive(num_floored):
    return int((num_floored > 0).sum())


def _outer(x_GD):
    return x_GD[:, :, np.newaxis] * x_GD[:, np.newaxis, :]


def _objf_of_constants(gmm, stats, means_GD):
    seen_G = stats.occupancy_G > 0  # a constant of -inf without data counts nothing
    objf = stats.occupancy_G[seen_G] @ gmm.gconsts_G[seen_G].astype(np.float64)
    if stats.flags & UpdateFlags.MEANS:
        objf += (stats.means_GD * means_GD).sum()
    return objf


def _diag_objf(gmm, stats):
    objf = _objf_of_constants(gmm, stats, gmm.means_invvars_GD)
    if stats.variances is not None:
        objf -= 0.5 * (stats.variances * gmm.inv_vars_GD).sum()
    return objf


def _full_objf(gmm, stats):
    objf = _objf_of_constants(gmm, stats, gmm.means_invcovars_GD)
    if stats.variances is not None:
        for rows in row_blocks(gmm.num_gauss, 16 * gmm.dim**2):
            part = FullGmm(
                gmm.weights_G[rows], gmm.means_invcovars_GD[rows], gmm.inv_covars_GP[rows]
            )
            objf -= 0.5 * np.einsum("gde,gde->", stats.variances[rows], part.inv_covars_GDD())
    return objf
