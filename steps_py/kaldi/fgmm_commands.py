"""The commands of a mixture with full covariances: fgmm-global-*, fgmm-gselect.

Sources: src/fgmmbin.
"""

import dataclasses

from steps_py.formats.log import log
from steps_py.formats.options import option
from steps_py.formats.outputs import open_output
from steps_py.formats.tables import read_object, write_object
from steps_py.kaldi.commands import command
from steps_py.kaldi.gmm_on_demand import passes, training
from steps_py.kaldi.gmm_options import (
    FULL,
    AccumulateOptions,
    BinaryOptions,
    EstimateOptions,
    GselectOptions,
    LikesOptions,
    ToPostOptions,
)


@dataclasses.dataclass
class FullLimits:
    min_gaussian_weight: float = option(
        1e-5, "MleFullGmmOptions: Min Gaussian weight before we remove it."
    )
    min_gaussian_occupancy: float = option(
        100.0, "MleFullGmmOptions: Minimum count before we remove a Gaussian."
    )
    variance_floor: float = option(
        0.001, "MleFullGmmOptions: Minimum eigenvalue of covariance matrix."
    )
    max_condition: float = option(
        1e4,
        "MleFullGmmOptions: Maximum condition number of covariance matrix (use it to floor).",
    )
    remove_low_count_gaussians: bool = option(
        True, "MleFullGmmOptions: If true, remove Gaussians that fall below the floors."
    )


@command(
    "fgmm-gselect",
    usage="""Precompute Gaussian indices for pruning
 (e.g. in training UBMs, SGMMs, tied-mixture systems)
 For each frame, gives a list of the n best Gaussian indices,
 sorted from best to worst.
Usage: fgmm-gselect [options] <model-in> <feature-rspecifier> <gselect-wspecifier>
The --gselect option (which takes an rspecifier) limits selection to a subset
of indices:
e.g.: fgmm-gselect "--gselect=ark:gunzip -c bigger.gselect.gz|" --n=20 1.gmm """
    """"ark:feature-command |" "ark,t:|gzip -c >1.gselect.gz\"""",
    options=GselectOptions,
    min_args=3,
    max_args=3,
)
def fgmm_gselect(options, model_in: str, feats_in: str, selection_out: str) -> int:
    return passes().select(FULL, options, model_in, feats_in, selection_out)


@command(
    "fgmm-global-acc-stats",
    usage="""Accumulate stats for training a full-covariance GMM.
Usage:  fgmm-global-acc-stats [options] <model-in> <feature-rspecifier> <stats-out>
e.g.: fgmm-global-acc-stats 1.mdl scp:train.scp 1.acc""",
    options=AccumulateOptions,
    min_args=3,
    max_args=3,
)
def fgmm_global_acc_stats(options, model_in: str, feats_in: str, stats_out: str) -> int:
    return passes().accumulate(FULL, options, model_in, feats_in, stats_out)


@dataclasses.dataclass
class FromPosteriorsOptions(BinaryOptions):
    update_flags: str = option("mvw", "Which GMM parameters will be updated: subset of mvw.")
    weights: str = option(
        "", "rspecifier for a vector of floats for each utterance, that's a per-frame weight."
    )


@command(
    "fgmm-global-acc-stats-post",
    usage="""Accumulate stats from posteriors and features for instantiating """
    """a full-covariance GMM. See also fgmm-global-acc-stats.
Usage:  fgmm-global-acc-stats-post [options] <posterior-rspecifier> """
    """<number-of-components> <feature-rspecifier> <stats-out>
e.g.: fgmm-global-acc-stats-post scp:post.scp 2048 scp:train.scp 1.acc""",
    options=FromPosteriorsOptions,
    min_args=4,
    max_args=4,
)
def fgmm_global_acc_stats_post(
    options, posteriors_in: str, num_gauss: str, feats_in: str, stats_out: str
) -> int:
    return passes().accumulate_posteriors(options, posteriors_in, num_gauss, feats_in, stats_out)


@command(
    "fgmm-global-sum-accs",
    usage="""Sum multiple accumulated stats files for full-covariance GMM training.
Usage: fgmm-global-sum-accs [options] stats-out stats-in1 stats-in2 ...""",
    options=BinaryOptions,
    min_args=2,
    max_args=None,
)
def fgmm_global_sum_accs(options, stats_out: str, *stats_in: str) -> int:
    return passes().sum_statistics(FULL, options, stats_out, *stats_in)


@dataclasses.dataclass
class FullEstimateOptions(EstimateOptions, FullLimits):
    pass


@command(
    "fgmm-global-est",
    usage="""Estimate a full-covariance GMM from the accumulated stats.
Usage:  fgmm-global-est [options] <model-in> <stats-in> <model-out>""",
    options=FullEstimateOptions,
    min_args=3,
    max_args=3,
)
def fgmm_global_est(options, model_in: str, stats_in: str, model_out: str) -> int:
    return training().estimate_full_model(options, model_in, stats_in, model_out)


@dataclasses.dataclass
class InitialOptions(FullLimits):
    binary: bool = option(True, "Write output in binary mode")


@command(
    "fgmm-global-init-from-accs",
    usage="""Initialize a full-covariance GMM from the accumulated stats.
This binary is similar to fgmm-global-est, but does not use """
    """a preexisting model.  See also fgmm-global-est.
Usage:  fgmm-global-init-from-accs [options] <stats-in> <number-of-components> <model-out>""",
    options=InitialOptions,
    min_args=3,
    max_args=3,
)
def fgmm_global_init_from_accs(options, stats_in: str, num_gauss: str, model_out: str) -> int:
    return training().init_from_stats(options, stats_in, num_gauss, model_out)


@command(
    "fgmm-global-merge",
    usage="""Combine a number of GMMs into a larger GMM, with #Gauss =
  sum(individual #Gauss)).  Output full GMM, and a text file with
  sizes of each individual GMM.
Usage: fgmm-global-merge [options] fgmm-out sizes-file-out fgmm-in1 fgmm-in2 ...""",
    options=BinaryOptions,
    min_args=4,
    max_args=None,
)
def fgmm_global_merge(options, model_out: str, sizes_out: str, *models_in: str) -> int:
    from steps_py.gmm.full_gmm import FULL_GMM, merged  # start-up time

    mixtures = [read_object(name, FULL_GMM) for name in models_in]
    gmm = merged(mixtures)
    with open_output(sizes_out) as out:
        out.write("".join(f"{part.num_gauss} " for part in mixtures).encode() + b"\n")
    write_object(model_out, FULL_GMM, gmm, options.binary)
    log(f"Written merged GMM to {model_out}")
    return 0


@command(
    "fgmm-global-copy",
    usage="""Copy a full-covariance GMM
Usage:  fgmm-global-copy [options] <model-in> <model-out>
e.g.: fgmm-global-copy --binary=false 1.model - | less""",
    options=BinaryOptions,
    min_args=2,
    max_args=2,
)
def fgmm_global_copy(options, model_in: str, model_out: str) -> int:
    return passes().copy_model(FULL, options, model_in, model_out)


@command(
    "fgmm-global-info",
    usage="""Write to standard output various properties of full-covariance GMM model
This is for a single mixture of Gaussians, e.g. as used for a UBM.
Usage:  fgmm-global-info [options] <gmm>
e.g.:
 fgmm-global-info 1.ubm""",
    min_args=1,
    max_args=1,
)
def fgmm_global_info(_options, model_in: str) -> int:
    return passes().show_model(FULL, model_in)


@command(
    "fgmm-global-to-gmm",
    usage="""Convert single full-covariance GMM to single diagonal-covariance GMM.
Usage: fgmm-global-to-gmm [options] 1.fgmm 1.gmm""",
    options=BinaryOptions,
    min_args=2,
    max_args=2,
)
def fgmm_global_to_gmm(options, model_in: str, model_out: str) -> int:
    from steps_py.gmm.diag_gmm import DIAG_GMM  # start-up time
    from steps_py.gmm.full_gmm import FULL_GMM

    write_object(model_out, DIAG_GMM, read_object(model_in, FULL_GMM).to_diag(), options.binary)
    log(f"Written diagonal GMM to {model_out}")
    return 0


@command(
    "fgmm-global-gselect-to-post",
    usage="""Given features and Gaussian-selection (gselect) information for
a full-covariance GMM, output per-frame posteriors for the selected
indices.  Also supports pruning the posteriors if they are below
a stated threshold, (and renormalizing the rest to sum to one)
Usage:  fgmm-global-gselect-to-post [options] <model-in> <feature-rspecifier> """
    """<gselect-rspecifier> <post-wspecifier>
e.g.: fgmm-global-gselect-to-post 1.ubm ark:- 'ark:gunzip -c 1.gselect|' ark:-""",
    options=ToPostOptions,
    min_args=4,
    max_args=4,
)
def fgmm_global_gselect_to_post(options, *arguments: str) -> int:
    return passes().selection_to_posteriors(FULL, options, *arguments)


@command(
    "fgmm-global-get-frame-likes",
    usage="""Print out per-frame log-likelihoods for each utterance, as an archive
of vectors of floats.  If --average=true, prints out the average per-frame
log-likelihood for each utterance, as a single float.
Usage:  fgmm-global-get-frame-likes [options] <model-in> <feature-rspecifier> """
    """<likes-out-wspecifier>
e.g.: fgmm-global-get-frame-likes 1.mdl scp:train.scp ark:1.likes""",
    options=LikesOptions,
    min_args=3,
    max_args=3,
)
def fgmm_global_get_frame_likes(options, model_in: str, feats_in: str, likes_out: str) -> int:
    return passes().frame_likelihoods(FULL, options, model_in, feats_in, likes_out)
