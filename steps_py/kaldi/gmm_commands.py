"""The commands of a mixture with diagonal covariances: gmm-global-*, gmm-gselect.

Sources: src/gmmbin.
"""

import dataclasses

from steps_py.formats.log import log
from steps_py.formats.options import option
from steps_py.formats.tables import read_object, write_object
from steps_py.kaldi.commands import command
from steps_py.kaldi.gmm_on_demand import passes, training
from steps_py.kaldi.gmm_options import (
    DIAG,
    AccumulateOptions,
    BinaryOptions,
    EstimateOptions,
    GselectOptions,
    LikesOptions,
    ToPostOptions,
)


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
    return training().init_from_feats(options, feats_in, model_out)


@command(
    "gmm-global-acc-stats",
    usage="""Accumulate stats for training a diagonal-covariance GMM.
Usage:  gmm-global-acc-stats [options] <model-in> <feature-rspecifier> <stats-out>
e.g.: gmm-global-acc-stats 1.mdl scp:train.scp 1.acc""",
    options=AccumulateOptions,
    min_args=3,
    max_args=3,
)
def gmm_global_acc_stats(options, model_in: str, feats_in: str, stats_out: str) -> int:
    return passes().accumulate(DIAG, options, model_in, feats_in, stats_out)


@command(
    "gmm-global-sum-accs",
    usage="""Sum multiple accumulated stats files for diagonal-covariance GMM training.
Usage: gmm-global-sum-accs [options] stats-out stats-in1 stats-in2 ...""",
    options=BinaryOptions,
    min_args=2,
    max_args=None,
)
def gmm_global_sum_accs(options, stats_out: str, *stats_in: str) -> int:
    return passes().sum_statistics(DIAG, options, stats_out, *stats_in)


@dataclasses.dataclass
class DiagEstimateOptions(EstimateOptions, DiagLimits):
    pass


@command(
    "gmm-global-est",
    usage="""Estimate a diagonal-covariance GMM from the accumulated stats.
Usage:  gmm-global-est [options] <model-in> <stats-in> <model-out>""",
    options=DiagEstimateOptions,
    min_args=3,
    max_args=3,
)
def gmm_global_est(options, model_in: str, stats_in: str, model_out: str) -> int:
    return training().estimate_diag_model(options, model_in, stats_in, model_out)


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
    return passes().copy_model(DIAG, options, model_in, model_out)


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
    return passes().show_model(DIAG, model_in)


@command(
    "gmm-global-to-fgmm",
    usage="""Convert single diagonal-covariance GMM to single full-covariance GMM.
Usage: gmm-global-to-fgmm [options] 1.gmm 1.fgmm""",
    options=BinaryOptions,
    min_args=2,
    max_args=2,
)
def gmm_global_to_fgmm(options, model_in: str, model_out: str) -> int:
    from steps_py.gmm.diag_gmm import DIAG_GMM  # start-up time
    from steps_py.gmm.full_gmm import FULL_GMM, FullGmm

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
    options=LikesOptions,
    min_args=3,
    max_args=3,
)
def gmm_global_get_frame_likes(options, model_in: str, feats_in: str, likes_out: str) -> int:
    return passes().frame_likelihoods(DIAG, options, model_in, feats_in, likes_out)


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
    options=GselectOptions,
    min_args=3,
    max_args=3,
)
def gmm_gselect(options, model_in: str, feats_in: str, selection_out: str) -> int:
    return passes().select(DIAG, options, model_in, feats_in, selection_out)


@command(
    "gmm-global-gselect-to-post",
    usage="""Given features and Gaussian-selection (gselect) information for
a diagonal-covariance GMM, output per-frame posteriors for the selected
indices.  Also supports pruning the posteriors if they are below
a stated threshold, (and renormalizing the rest to sum to one)
Usage:  gmm-global-gselect-to-post [options] <model-in> <feature-rspecifier> """
    """<gselect-rspecifier> <post-wspecifier>
e.g.: gmm-global-gselect-to-post 1.dubm ark:- 'ark:gunzip -c 1.gselect|' ark:-""",
    options=ToPostOptions,
    min_args=4,
    max_args=4,
)
def gmm_global_gselect_to_post(options, *arguments: str) -> int:
    return passes().selection_to_posteriors(DIAG, options, *arguments)


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
    return passes().best_posteriors(options, model_in, feats_in, posterior_out)
