"""The commands of a mixture with diagonal covariances: gmm-global-*, gmm-gselect.

Sources: src/gmmbin.

Shape suffixes (scope: this module):
    N = frames kept in memory   T = frames of an utterance   D = dimension
"""

import dataclasses

import numpy as np

from steps_py.errors import KaldiError
from steps_py.formats.holders import FLOAT_MATRIX
from steps_py.formats.log import Tally, log, warn
from steps_py.formats.options import option
from steps_py.formats.posteriors import POSTERIOR, Posterior
from steps_py.formats.tables import SequentialReader, TableWriter, read_object, write_object
from steps_py.gmm.accumulators import DIAG_ACCUMULATOR, DiagAccumulator
from steps_py.gmm.diag_gmm import DIAG_GMM, DiagGmm
from steps_py.gmm.estimate import Limits, estimate_diag
from steps_py.gmm.full_gmm import FULL_GMM, FullGmm
from steps_py.gmm.posteriors import dense_blocks, softmax, top_posteriors
from steps_py.gmm.update_flags import ALL_FLAGS, parse_update_flags
from steps_py.kaldi import gmm_passes
from steps_py.kaldi.commands import command
from steps_py.kaldi.gmm_estimates import log_estimate
from steps_py.kaldi.gmm_passes import BinaryOptions, Family

DIAG = Family(DIAG_GMM, DIAG_ACCUMULATOR, DiagAccumulator)
_LEAST_FRAMES_PER_GAUSSIAN = 10


@dataclasses.dataclass
class DiagLimits:
    min_gaussian_weight: float = option(
        1e-5, "MleDiagGmmOptions: Min Gaussian weight before we remove it."
    )
    min_gaussian_occupancy: float = option(
        10.0, "MleDiagGmmOptions: Minimum occupancy to update a Gaussian."
    )
    min_variance: float = option(0.001, "MleDiagGmmOptions: Variance floor (absolute variance).")
    remove_low_count_gaussians: bool = option(
        True, "MleDiagGmmOptions: If true, remove Gaussians that fall below the floors."
    )

    def limits(self) -> Limits:
        return Limits(
            min_weight=self.min_gaussian_weight,
            min_occupancy=self.min_gaussian_occupancy,
            remove_low=self.remove_low_count_gaussians,
            min_variance=self.min_variance,
        )


@dataclasses.dataclass
class InitOptions(DiagLimits):
    binary: bool = option(True, "Write output in binary mode")
    num_gauss: int = option(100, "Number of Gaussians in the model")
    num_gauss_init: int = option(
        0,
        "Number of Gaussians in the model initially (if nonzero and less than num_gauss, we'll do"
        " mixture splitting)",
    )
    num_iters: int = option(50, "Number of iterations of training")
    num_frames: int = option(
        200000,
        "Number of feature vectors to store in memory and train on (randomly chosen from the input"
        " features)",
    )
    srand: int = option(0, "Seed for random number generator")
    num_threads: int = option(4, "Number of threads used for statistics accumulation")


@command(
    "gmm-global-init-from-feats",
    usage="""This program initializes a single diagonal GMM and does multiple iterations of
training from features stored in memory.
Usage:  gmm-global-init-from-feats [options] <feature-rspecifier> <model-out>
e.g.: gmm-global-init-from-feats scp:train.scp 1.mdl""",
    options=InitOptions,
    min_args=2,
    max_args=2,
)
def gmm_global_init_from_feats(options, feats_in: str, model_out: str) -> int:
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
        gmm = _train_once(gmm, x_ND, options.limits(), iteration)
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


@command(
    "gmm-global-acc-stats",
    usage="""Accumulate stats for training a diagonal-covariance GMM.
Usage:  gmm-global-acc-stats [options] <model-in> <feature-rspecifier> <stats-out>
e.g.: gmm-global-acc-stats 1.mdl scp:train.scp 1.acc""",
    options=gmm_passes.AccumulateOptions,
    min_args=3,
    max_args=3,
)
def gmm_global_acc_stats(options, model_in: str, feats_in: str, stats_out: str) -> int:
    return gmm_passes.accumulate(DIAG, options, model_in, feats_in, stats_out)


@command(
    "gmm-global-sum-accs",
    usage="""Sum multiple accumulated stats files for diagonal-covariance GMM training.
Usage: gmm-global-sum-accs [options] stats-out stats-in1 stats-in2 ...""",
    options=BinaryOptions,
    min_args=2,
    max_args=None,
)
def gmm_global_sum_accs(options, stats_out: str, *stats_in: str) -> int:
    return gmm_passes.sum_statistics(DIAG, options, stats_out, *stats_in)


@dataclasses.dataclass
class EstimateOptions(DiagLimits):
    binary: bool = option(True, "Write output in binary mode")
    update_flags: str = option("mvw", "Which GMM parameters will be updated: subset of mvw.")
    mix_up: int = option(0, "Increase number of mixture components to this overall target.")
    perturb_factor: float = option(
        0.01, "While mixing up, perturb means by standard deviation times this factor."
    )


@command(
    "gmm-global-est",
    usage="""Estimate a diagonal-covariance GMM from the accumulated stats.
Usage:  gmm-global-est [options] <model-in> <stats-in> <model-out>""",
    options=EstimateOptions,
    min_args=3,
    max_args=3,
)
def gmm_global_est(options, model_in: str, stats_in: str, model_out: str) -> int:
    gmm = read_object(model_in, DIAG_GMM)
    stats = read_object(stats_in, DIAG_ACCUMULATOR)
    flags = parse_update_flags(options.update_flags)
    gmm = log_estimate(estimate_diag(gmm, stats, flags, options.limits()), stats)
    if options.mix_up:
        gmm = gmm.split(options.mix_up, options.perturb_factor, np.random.default_rng(0))
    write_object(model_out, DIAG_GMM, gmm, options.binary)
    log(f"Written model to {model_out}")
    return 0


@command(
    "gmm-global-copy",
    usage="""Copy a diagonal-covariance GMM
Usage:  gmm-global-copy [options] <model-in> <model-out>
e.g.: gmm-global-copy --binary=false 1.model - | less""",
    options=BinaryOptions,
    min_args=2,
    max_args=2,
)
def gmm_global_copy(options, model_in: str, model_out: str) -> int:
    return gmm_passes.copy_model(DIAG, options, model_in, model_out)


@command(
    "gmm-global-info",
    usage="""Write to standard output various properties of GMM model
This is for a single diagonal GMM, e.g. as used for a UBM.
Usage:  gmm-global-info [options] <gmm>
e.g.:
 gmm-global-info 1.dubm""",
    min_args=1,
    max_args=1,
)
def gmm_global_info(_options, model_in: str) -> int:
    return gmm_passes.show_model(DIAG, model_in)


@command(
    "gmm-global-to-fgmm",
    usage="""Convert single diagonal-covariance GMM to single full-covariance GMM.
Usage: gmm-global-to-fgmm [options] 1.gmm 1.fgmm""",
    options=BinaryOptions,
    min_args=2,
    max_args=2,
)
def gmm_global_to_fgmm(options, model_in: str, model_out: str) -> int:
    gmm = FullGmm.of_diag(read_object(model_in, DIAG_GMM))
    write_object(model_out, FULL_GMM, gmm, options.binary)
    log(f"Written full GMM to {model_out}")
    return 0


@command(
    "gmm-global-get-frame-likes",
    usage="""Print out per-frame log-likelihoods for each utterance, as an archive
of vectors of floats.  If --average=true, prints out the average per-frame
log-likelihood for each utterance, as a single float.
Usage:  gmm-global-get-frame-likes [options] <model-in> <feature-rspecifier> """
    """<likes-out-wspecifier>
e.g.: gmm-global-get-frame-likes 1.mdl scp:train.scp ark:1.likes""",
    options=gmm_passes.LikesOptions,
    min_args=3,
    max_args=3,
)
def gmm_global_get_frame_likes(options, model_in: str, feats_in: str, likes_out: str) -> int:
    return gmm_passes.frame_likelihoods(DIAG, options, model_in, feats_in, likes_out)


@command(
    "gmm-gselect",
    usage="""Precompute Gaussian indices for pruning
 (e.g. in training UBMs, SGMMs, tied-mixture systems)
 For each frame, gives a list of the n best Gaussian indices,
 sorted from best to worst.
Usage: gmm-gselect [options] <model-in> <feature-rspecifier> <gselect-wspecifier>
The --gselect option (which takes an rspecifier) limits selection to a subset
of indices:
e.g.: gmm-gselect "--gselect=ark:gunzip -c bigger.gselect.gz|" --n=20 1.gmm """
    """"ark:feature-command |" "ark,t:|gzip -c >gselect.1.gz\"""",
    options=gmm_passes.GselectOptions,
    min_args=3,
    max_args=3,
)
def gmm_gselect(options, model_in: str, feats_in: str, selection_out: str) -> int:
    return gmm_passes.select(DIAG, options, model_in, feats_in, selection_out)


@command(
    "gmm-global-gselect-to-post",
    usage="""Given features and Gaussian-selection (gselect) information for
a diagonal-covariance GMM, output per-frame posteriors for the selected
indices.  Also supports pruning the posteriors if they are below
a stated threshold, (and renormalizing the rest to sum to one)
Usage:  gmm-global-gselect-to-post [options] <model-in> <feature-rspecifier> """
    """<gselect-rspecifier> <post-wspecifier>
e.g.: gmm-global-gselect-to-post 1.dubm ark:- 'ark:gunzip -c 1.gselect|' ark:-""",
    options=gmm_passes.ToPostOptions,
    min_args=4,
    max_args=4,
)
def gmm_global_gselect_to_post(options, *arguments: str) -> int:
    return gmm_passes.selection_to_posteriors(DIAG, options, *arguments)


@dataclasses.dataclass
class PosteriorOptions:
    n: int = option(50, "Number of Gaussians to keep per frame")
    min_post: float = option(
        0.0, "Minimum posterior we will output before pruning and renormalizing (e.g. 0.01)"
    )


@command(
    "gmm-global-get-post",
    usage="""Precompute Gaussian indices and convert immediately to top-n
posteriors (useful in iVector extraction with diagonal UBMs)
 For each frame, gives a list of the n best Gaussian indices,
 sorted from best to worst.
Usage: gmm-global-get-post [options] <model-in> <feature-rspecifier> <post-wspecifier>
e.g.: gmm-global-get-post --n=20 1.gmm "ark:feature-command |" "ark,t:|gzip -c >post.1.gz\"""",
    options=PosteriorOptions,
    min_args=3,
    max_args=3,
)
def gmm_global_get_post(options, model_in: str, feats_in: str, posterior_out: str) -> int:
    gmm = read_object(model_in, DIAG_GMM)
    if not 0 <= options.min_post < 1:
        raise KaldiError(f"--min-post={options.min_post:g}: must be at least 0 and less than 1.")
    num_best = gmm_passes.checked_num_best(options.n, gmm)
    tally = Tally()
    total, num_frames = 0.0, 0
    with TableWriter(posterior_out, POSTERIOR) as writer:
        for utt in gmm_passes.utterances(feats_in, tally, None):
            if not len(utt.x_TD):
                tally.lost(utt.key, "empty features")
            elif utt.x_TD.shape[1] != gmm.dim:
                tally.lost(
                    utt.key, f"dimension mismatch: got {utt.x_TD.shape[1]}, expected {gmm.dim}"
                )
            else:
                posterior, like = _top_posteriors(gmm, utt.x_TD, num_best, options.min_post)
                writer.write(utt.key, posterior)
                total += like
                num_frames += len(utt.x_TD)
                tally.done()
    log(f"Done {tally.num_done} files, {tally.num_lost} with errors.")
    gmm_passes.log_average("Average UBM log-likelihood", total, num_frames, "frames")
    return tally.exit_code()


def _top_posteriors(gmm, x_TD, num_best, min_post):
    parts, like = [], 0.0
    for _, loglikes_BG in dense_blocks(gmm, x_TD):
        posterior, likes_B = top_posteriors(loglikes_BG, num_best, min_post)
        parts.append(posterior)
        like += float(likes_B.sum())
    joined = (
        np.concatenate([getattr(part, name) for part in parts])
        for name in ("counts_T", "index_P", "weight_P")
    )
    return Posterior(*joined), like
