"""Estimation of mixtures by the commands gmm-global-{init-from-feats,est} and
fgmm-global-{est,init-from-accs}. Sources: src/gmmbin, src/fgmmbin.

Shape suffixes (scope: this module):
    N = frames kept in memory   T = frames of an utterance   G = Gaussians   D = dimension
"""

import numpy as np

from steps_py.errors import KaldiError
from steps_py.formats.holders import FLOAT_MATRIX
from steps_py.formats.log import log, warn
from steps_py.formats.tables import SequentialReader, read_object, write_object
from steps_py.gmm.accumulators import (
    DIAG_ACCUMULATOR,
    FULL_ACCUMULATOR,
    Accumulator,
    DiagAccumulator,
)
from steps_py.gmm.diag_gmm import DIAG_GMM, DiagGmm
from steps_py.gmm.estimate import Estimate, Limits, estimate_diag, estimate_full, initial_full
from steps_py.gmm.full_gmm import FULL_GMM
from steps_py.gmm.posteriors import dense_blocks, softmax
from steps_py.gmm.update_flags import ALL_FLAGS, parse_update_flags
from steps_py.kaldi.gmm_passes import gaussian_count

_LEAST_FRAMES_PER_GAUSSIAN = 10


def init_from_feats(options, feats_in: str, model_out: str) -> int:
    """gmm-global-init-from-feats."""
    if options.num_frames <= 0 or options.num_gauss <= 0:
        raise KaldiError("--num-frames and --num-gauss must be positive.")
    generator = np.random.default_rng(options.srand)
    x_ND = _frames_in_memory(feats_in, options.num_frames, generator)
    first = options.num_gauss_init
    if not 0 < first <= options.num_gauss:
        first = options.num_gauss
    log(f"Initializing GMM means from random frames to {first} Gaussians.")
    gmm = _from_random_frames(x_ND, first, generator)
    step = (options.num_gauss - first) // max(1, options.num_iters // 2)
    target = first
    for iteration in range(options.num_iters):
        gmm = _train_once(gmm, x_ND, diag_limits(options), iteration)
        goal = min(options.num_gauss, target + step)
        if goal > gmm.num_gauss:
            log(f"Splitting to {goal} Gaussians.")
            gmm = gmm.split(goal, 0.1, generator)
            target = goal
    write_object(model_out, DIAG_GMM, gmm, options.binary)
    log(f"Wrote model to {model_out}")
    return 0


def _frames_in_memory(feats_in, num_frames, generator):
    """At most `num_frames` frames of the table, each as likely as another: (N, D)."""
    log(f"Reading features (will keep {num_frames} frames.)")
    parts, kept_ND, num_read, dim = [], None, 0, None
    with SequentialReader(feats_in, FLOAT_MATRIX) as reader:
        for key, x_TD in reader:
            if not len(x_TD):
                continue
            dim = dim or x_TD.shape[1]
            if x_TD.shape[1] != dim:
                raise KaldiError(
                    f"{key}: features of dimension {x_TD.shape[1]}, those before have {dim}."
                )
            room = max(0, num_frames - num_read)
            if room:
                parts.append(x_TD[:room])
            if len(x_TD) > room:
                if kept_ND is None:
                    kept_ND, parts = np.concatenate(parts), []
                _replace_some(kept_ND, x_TD[room:], num_read + room, generator)
            num_read += len(x_TD)
    if kept_ND is None:
        if num_read < num_frames:
            warn(
                f"Number of frames read {num_read} was less than target number {num_frames}, using"
                " all we read."
            )
        return np.concatenate(parts) if parts else np.zeros((0, 0), np.float32)
    log(
        f"Kept {num_frames} out of {num_read} input frames ="
        f" {num_frames * 100.0 / max(num_read, 1):g}%."
    )
    return kept_ND


def _replace_some(kept_ND, x_TD, num_before, generator):
    """Reservoir sampling: replace kept frames by new ones, later ones less often."""
    number_T = num_before + 1 + np.arange(len(x_TD))
    chosen_T = generator.random(len(x_TD)) < len(kept_ND) / number_T
    places = generator.integers(len(kept_ND), size=int(chosen_T.sum()))
    kept_ND[places] = x_TD[chosen_T]


def _from_random_frames(x_ND, num_gauss, generator):
    if len(x_ND) < _LEAST_FRAMES_PER_GAUSSIAN * num_gauss:
        raise KaldiError(
            f"too few frames to train on: {len(x_ND)} for {num_gauss} Gaussians;"
            f" {_LEAST_FRAMES_PER_GAUSSIAN} for each are needed. Lower --num-gauss or give more"
            " features."
        )
    variance_D = x_ND.var(axis=0, dtype=np.float64)
    if not variance_D.max() > 0:
        raise KaldiError("features do not have positive variance.")
    rows = generator.choice(len(x_ND), num_gauss, replace=False)
    variances_GD = np.tile(variance_D, (num_gauss, 1))
    return DiagGmm.of_moments(np.full(num_gauss, 1.0 / num_gauss), x_ND[rows], variances_GD)


def _train_once(gmm, x_ND, limits, iteration):
    stats = DiagAccumulator(gmm.num_gauss, gmm.dim, ALL_FLAGS)
    total = 0.0
    for rows, loglikes_TG in dense_blocks(gmm, x_ND):
        posterior_TG, likes_T = softmax(loglikes_TG)
        total += float(likes_T.sum(dtype=np.float64))
        stats.add_dense(x_ND[rows], posterior_TG)
    log(
        f"Likelihood per frame on iteration {iteration} was {total / len(x_ND):g} over"
        f" {len(x_ND)} frames."
    )
    return log_estimate(estimate_diag(gmm, stats, ALL_FLAGS, limits), stats)


def estimate_diag_model(options, model_in: str, stats_in: str, model_out: str) -> int:
    """gmm-global-est."""
    gmm = read_object(model_in, DIAG_GMM)
    stats = read_object(stats_in, DIAG_ACCUMULATOR)
    flags = parse_update_flags(options.update_flags)
    gmm = log_estimate(estimate_diag(gmm, stats, flags, diag_limits(options)), stats)
    if options.mix_up:
        gmm = gmm.split(options.mix_up, options.perturb_factor, np.random.default_rng(0))
    write_object(model_out, DIAG_GMM, gmm, options.binary)
    log(f"Written model to {model_out}")
    return 0


def estimate_full_model(options, model_in: str, stats_in: str, model_out: str) -> int:
    """fgmm-global-est."""
    gmm = read_object(model_in, FULL_GMM)
    stats = read_object(stats_in, FULL_ACCUMULATOR)
    flags = parse_update_flags(options.update_flags)
    gmm = log_estimate(estimate_full(gmm, stats, flags, full_limits(options)), stats)
    if options.mix_up > gmm.num_gauss:
        gmm = gmm.split(options.mix_up, options.perturb_factor, np.random.default_rng(0))
    elif options.mix_up:
        warn(f"Cannot split from {gmm.num_gauss} to {options.mix_up} components")
    write_object(model_out, FULL_GMM, gmm, options.binary)
    log(f"Written model to {model_out}")
    return 0


def init_from_stats(options, stats_in: str, num_gauss: str, model_out: str) -> int:
    """fgmm-global-init-from-accs."""
    stats = read_object(stats_in, FULL_ACCUMULATOR)
    estimate = initial_full(
        stats, gaussian_count(num_gauss), full_limits(options), np.random.default_rng(0)
    )
    if estimate.num_floored:
        warn(f"{estimate.num_floored} variances floored in {estimate.gauss_floored} Gaussians.")
    if estimate.kept_low:
        warn(f"{len(estimate.kept_low)} out of {stats.num_gauss} Gaussians had very low occupancy.")
    write_object(model_out, FULL_GMM, estimate.gmm, options.binary)
    log(f"Written model to {model_out}")
    return 0


def diag_limits(options) -> Limits:
    """The limits of the options of a diagonal mixture."""
    return Limits(
        min_weight=options.min_gaussian_weight,
        min_occupancy=options.min_gaussian_occupancy,
        remove_low=options.remove_low_count_gaussians,
        min_variance=options.min_variance,
    )


def full_limits(options) -> Limits:
    """The limits of the options of a full-covariance mixture."""
    return Limits(
        min_weight=options.min_gaussian_weight,
        min_occupancy=options.min_gaussian_occupancy,
        remove_low=options.remove_low_count_gaussians,
        min_variance=options.variance_floor,
        max_condition=options.max_condition,
    )


def log_estimate(estimate: Estimate, stats: Accumulator):
    """Log the improvement and warn of Gaussians with too little data; the estimated mixture."""
    total = estimate.count or 1.0
    for g in estimate.removed:
        occupancy = stats.occupancy_G[g]
        warn(
            f"Too little data - removing Gaussian (weight {occupancy / total:f}, occupation count"
            f" {occupancy:f}, vector size {stats.dim})"
        )
    for g in estimate.kept_low:
        occupancy = stats.occupancy_G[g]
        warn(
            f"Gaussian has too little data but not removing it: i = {g}, occ = {occupancy:g},"
            f" weight = {occupancy / total:g}"
        )
    if estimate.num_floored:
        warn(f"{estimate.num_floored} variances floored in {estimate.gauss_floored} Gaussians.")
    mean = estimate.objf_change / total
    log(
        f"Overall objective function improvement is {mean:g} per frame over"
        f" {estimate.count:g} frames."
    )
    return estimate.gmm
