"""i-vector extractors: ivector-extractor-init, -copy, -acc-stats, -sum-accs, -est.

Sources: src/ivectorbin/ivector-extractor-{init,acc-stats,sum-accs,est,copy}.cc; the mathematics is
in steps_py/ivector.
"""

import dataclasses

from steps_py.errors import KaldiError
from steps_py.formats.holders import FLOAT_MATRIX, Holder
from steps_py.formats.log import Tally, log
from steps_py.formats.memory import keep_freed_memory
from steps_py.formats.options import option
from steps_py.formats.streams import open_input
from steps_py.formats.tables import RandomReader, SequentialReader, read_object
from steps_py.kaldi.commands import command
from steps_py.kaldi.ivector_inputs import EXTRACTOR, ThreadOptions, naming, with_posteriors


class _StatsHolder(Holder):
    """Statistics of an i-vector extractor."""

    def read(self, stream, span=None):
        from steps_py.ivector.statistics import read_stats  # start-up time

        return read_stats(stream)


STATS = _StatsHolder()


@dataclasses.dataclass
class ExtractorOptions:
    binary: bool = option(True, "Write output in binary mode")
    ivector_dim: int = option(400, "Dimension of iVector")
    num_iters: int = option(
        2, "Number of iterations in iVector estimation (has no effect, as in Kaldi)"
    )
    use_weights: bool = option(True, "If true, regress the log-weights on the iVector")


@command(
    "ivector-extractor-init",
    usage="""Initialize ivector-extractor
Usage:  ivector-extractor-init [options] <fgmm-in> <ivector-extractor-out>
e.g.:
 ivector-extractor-init 4.fgmm 0.ie""",
    options=ExtractorOptions,
    min_args=2,
    max_args=2,
)
def ivector_extractor_init(options, fgmm_in: str, extractor_out: str) -> int:
    from steps_py.gmm.full_gmm import FULL_GMM  # start-up time
    from steps_py.ivector.extractor import new_extractor, write_extractor

    if options.ivector_dim < 1:
        raise KaldiError(f"--ivector-dim={options.ivector_dim}: expected 1 or more.")
    gmm = read_object(fgmm_in, FULL_GMM)
    extractor = new_extractor(
        gmm.means_GD(), gmm.inv_covars_GP, gmm.weights_G, options.ivector_dim, options.use_weights
    )
    write_extractor(extractor_out, extractor, options.binary)
    log(
        f"Initialized iVector extractor with iVector dimension {extractor.dim} and wrote it to"
        f" {extractor_out}"
    )
    return 0


@command(
    "ivector-extractor-copy",
    usage="""Copy the i-vector extractor to a text file
Usage:  ivector-extractor-copy [options] <ivector-extractor-in> <ivector-extractor-out>
e.g.:
 ivector-extractor-copy --binary=false 0.ie 0_txt.ie""",
    options=ExtractorOptions,
    min_args=2,
    max_args=2,
)
def ivector_extractor_copy(options, extractor_in: str, extractor_out: str) -> int:
    from steps_py.ivector.extractor import write_extractor  # start-up time

    write_extractor(extractor_out, read_object(extractor_in, EXTRACTOR), options.binary)
    return 0


@dataclasses.dataclass
class AccStatsOptions(ThreadOptions):
    binary: bool = option(True, "Write output in binary mode")
    update_variances: bool = option(True, "If true, update the Gaussian variances")
    compute_auxf: bool = option(
        True,
        "If true, compute the auxiliary functions on training data; can be used to debug and check"
        " convergence.",
    )
    num_samples_for_weights: int = option(
        10,
        "Number of samples from iVector distribution to use for accumulating stats for weight"
        " update.  Must be >1",
    )
    cache_size: int = option(100, "Has no effect here: the size of batches fits the model")


@command(
    "ivector-extractor-acc-stats",
    usage="""Accumulate stats for iVector extractor training
Reads in features and Gaussian-level posteriors (typically from a full GMM)
Usage:  ivector-extractor-acc-stats [options] <model-in> <feature-rspecifier>"""
    """<posteriors-rspecifier> <stats-out>
e.g.:
 fgmm-global-gselect-to-post 1.fgmm '$feats' 'ark:gunzip -c gselect.1.gz|' ark:- | \\
  ivector-extractor-acc-stats 2.ie '$feats' ark,s,cs:- 2.1.acc""",
    options=AccStatsOptions,
    min_args=4,
    max_args=4,
)
def ivector_extractor_acc_stats(
    options, extractor_in: str, feats_in: str, posteriors_in: str, stats_out: str
) -> int:
    from steps_py.formats.posteriors import POSTERIOR  # start-up time
    from steps_py.ivector.statistics import StatsAccumulator, write_stats

    if options.num_samples_for_weights < 2:
        raise KaldiError(
            f"--num-samples-for-weights={options.num_samples_for_weights}: expected 2 or more."
        )
    if options.cache_size < 1:
        raise KaldiError(f"--cache-size={options.cache_size}: expected 1 or more.")
    keep_freed_memory()
    accumulator = StatsAccumulator(
        read_object(extractor_in, EXTRACTOR),
        has_scatter=options.update_variances,
        has_objective=options.compute_auxf,
        num_samples=options.num_samples_for_weights,
    )
    tally, num_frames = Tally(), 0
    with (
        SequentialReader(feats_in, FLOAT_MATRIX) as reader,
        RandomReader(posteriors_in, POSTERIOR) as posteriors,
    ):
        for utt, feats_TD, posterior in with_posteriors(reader, posteriors, tally):
            with naming(utt):
                accumulator.add(feats_TD, posterior)
            num_frames += len(feats_TD)
            tally.done()
    log(f"Done {tally.num_done} files, {tally.num_lost} with errors.  Total frames {num_frames}")
    write_stats(stats_out, accumulator.finish(), options.binary)
    log(f"Wrote stats to {stats_out}")
    return tally.exit_code()


@dataclasses.dataclass
class SumOptions:
    binary: bool = option(True, "Write output in binary mode")
    parallel: bool = option(
        False,
        "If true, the program makes sure to open all filehandles before reading for any (useful"
        " when summing accs from long processes)",
    )


@command(
    "ivector-extractor-sum-accs",
    usage="""Sum accumulators for training of iVector extractor
Usage: ivector-extractor-sum-accs [options] <stats-in1> """
    """<stats-in2> ... <stats-inN> <stats-out>""",
    options=SumOptions,
    min_args=2,
    max_args=None,
)
def ivector_extractor_sum_accs(options, *arguments: str) -> int:
    from steps_py.ivector.statistics import write_stats  # start-up time

    *stats_in, stats_out = arguments
    total = None
    for name, stream in _streams(stats_in, options.parallel):
        with stream:
            log(f"Reading stats from {name}")
            stats = STATS.read(stream)
        if total is None:
            total = stats
        else:
            with naming(name):
                total.add(stats)
    write_stats(stats_out, total, options.binary)
    log(f"Wrote summed stats to {stats_out}")
    return 0


def _streams(names, parallel):
    """(name, Input) of each file; with `parallel` all are open before the first is read."""
    opened = [(name, open_input(name)) for name in names] if parallel else None
    yield from opened or ((name, open_input(name)) for name in names)


@dataclasses.dataclass
class EstOptions:
    binary: bool = option(True, "Write output in binary mode")
    num_threads: int = option(1, "Has no effect here")
    variance_floor_factor: float = option(
        0.1,
        "Factor that determines variance flooring (we floor each covar to this times global"
        " average covariance",
    )
    gaussian_min_count: float = option(
        100.0,
        "Minimum total count per Gaussian, below which we refuse to update any associated"
        " parameters.",
    )
    diagonalize: bool = option(
        True,
        "If true, diagonalize the quadratic term in the objective function. This reorders the"
        " ivector dimensions from most to least important.",
    )


@command(
    "ivector-extractor-est",
    usage="""Do model re-estimation of iVector extractor (this is
the update phase of a single pass of E-M)
Usage: ivector-extractor-est [options] <model-in> <stats-in> <model-out>""",
    options=EstOptions,
    min_args=3,
    max_args=3,
)
def ivector_extractor_est(options, extractor_in: str, stats_in: str, extractor_out: str) -> int:
    from steps_py.ivector.estimation import EstimationConfig, update  # start-up time
    from steps_py.ivector.extractor import write_extractor

    if not 0 < options.variance_floor_factor <= 1:
        raise KaldiError(
            f"--variance-floor-factor={options.variance_floor_factor:g}: expected above 0, at"
            " most 1."
        )
    extractor = read_object(extractor_in, EXTRACTOR)
    config = EstimationConfig(
        variance_floor_factor=options.variance_floor_factor,
        min_count=options.gaussian_min_count,
        diagonalize=options.diagonalize,
    )
    update(extractor, read_object(stats_in, STATS), config)
    write_extractor(extractor_out, extractor, options.binary)
    log(f"Updated model and wrote it to {extractor_out}")
    return 0
