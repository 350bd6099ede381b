"""PLDA models, and scores: by PLDA for listed trials or within recordings, by dot product.

Sources: src/ivectorbin/ivector-{compute,copy,adapt}-plda.cc; those of the commands that
score are in `trial_scoring`, where they do their work.

Shape suffixes (scope: this module):
    N = vectors of a batch   D = dimension
"""

import dataclasses

from steps_py.errors import KaldiError
from steps_py.formats.holders import FLOAT_MATRIX, FLOAT_VECTOR, TOKENS, Holder
from steps_py.formats.log import Tally, log, verbose, warn
from steps_py.formats.options import option
from steps_py.formats.tables import (
    RandomReader,
    SequentialReader,
    TableWriter,
    read_object,
    write_object,
)
from steps_py.formats.vector_tables import check_finite, read_vectors
from steps_py.kaldi.commands import command

_BATCH = 4096


class _PldaHolder(Holder):
    """A PLDA model, alone in its file."""

    def read(self, stream, span=None):
        from steps_py.backend.plda_io import read_plda_from  # start-up time

        return read_plda_from(stream)

    def encode(self, value, binary):
        from steps_py.backend.plda_io import encode_plda  # start-up time

        return encode_plda(value, binary)


PLDA = _PldaHolder()


@dataclasses.dataclass
class ComputePldaOptions:
    num_em_iters: int = option(10, "Number of iterations of E-M used for PLDA estimation")
    binary: bool = option(True, "Write output in binary mode")


@command(
    "ivector-compute-plda",
    usage="""Computes a Plda object (for Probabilistic Linear Discriminant Analysis)
from a set of iVectors.  Uses speaker information from a spk2utt file
to compute within and between class variances.

Usage:  ivector-compute-plda [options] <spk2utt-rspecifier> <ivector-rspecifier> <plda-out>
e.g.:
 ivector-compute-plda ark:spk2utt ark,s,cs:ivectors.ark plda""",
    options=ComputePldaOptions,
    min_args=3,
    max_args=3,
)
def ivector_compute_plda(options, spk2utt, vectors_in: str, plda_out: str) -> int:
    from steps_py.backend.plda_em import PldaEstimator  # start-up time

    tally = Tally()
    stats = _accumulate(spk2utt, vectors_in, tally)
    if stats is None:
        raise KaldiError(f"{vectors_in}: no vector of a speaker of {spk2utt} to train on.")
    log(
        f"Accumulated stats from {tally.num_done} speakers, consisting of {stats.num_vectors}"
        f" utterances ({tally.num_lost} absent from input)."
    )
    estimator = PldaEstimator(stats)
    for iteration in range(options.num_em_iters):
        log(f"Plda estimation iteration {iteration} of {options.num_em_iters}")
        estimator.step()
        verbose(2, f"Objective function is {estimator.log_likelihood():.7g}")
    plda = estimator.model()
    log(f"Diagonal of between-class variance in normalized space is {_shown(plda.psi_D)}")
    write_object(plda_out, PLDA, plda, options.binary)
    return tally.exit_code()


def _accumulate(spk2utt, vectors_in, tally):
    """SpeakerStats of the vectors of listed speakers; None if there are none."""
    from steps_py.backend.covariance import SpeakerStats  # start-up time

    stats = None
    with (
        SequentialReader(spk2utt, TOKENS) as speakers,
        RandomReader(vectors_in, FLOAT_VECTOR) as vectors,
    ):
        for keys, x_ND, index in _labelled_batches(speakers, vectors, tally):
            check_finite(keys, x_ND, vectors_in)
            stats = stats or SpeakerStats(x_ND.shape[1])
            stats.add(x_ND, index)
    return stats


def _labelled_batches(speakers, vectors, tally):
    """(keys, vectors, speaker numbers) of many speakers at a time; misses are counted."""
    import numpy as np  # start-up time

    keys, found, index = [], [], []
    for number, (spk, utts) in enumerate(speakers):
        if not utts:
            raise KaldiError(f"{spk}: speaker with no utterances. Remove the line from spk2utt.")
        before = len(found)
        for utt in utts:
            if utt not in vectors:
                tally.lost(utt, "no iVector present in input")
                continue
            keys.append(utt)
            found.append(vectors[utt])
            index.append(number)
            if len(found[-1]) != len(found[0]):
                raise KaldiError(
                    f"{utt} has {len(found[-1])} dimensions, {keys[0]} has {len(found[0])}."
                )
        if len(found) == before:
            warn(f"Not using speaker {spk} since no utterances had iVectors")
            continue
        tally.done()
        if len(found) >= _BATCH:
            yield keys, np.stack(found), index
            keys, found, index = [], [], []
    if found:
        yield keys, np.stack(found), index


@dataclasses.dataclass
class PldaOptions:
    """How PLDA transforms a vector before it is scored."""

    normalize_length: bool = option(
        True,
        "If true, do length normalization as part of PLDA. This does not set the length unit; by"
        " default it instead ensures that the inner product with the PLDA model's inverse"
        " variance has the expected value, equal to the iVector dimension.",
    )
    simple_length_normalization: bool = option(
        False,
        "If true, replace the default length normalization by an alternative that normalizes the"
        " length of the iVectors to be equal to the square root of the iVector dimension.",
    )


@dataclasses.dataclass
class CopyPldaOptions(PldaOptions):
    smoothing: float = option(
        0.0,
        "Factor used in smoothing within-class covariance (add this factor times between-class"
        " covar)",
    )
    binary: bool = option(True, "Write output in binary mode")


@command(
    "ivector-copy-plda",
    usage="""Copy a PLDA object, possibly applying smoothing to the within-class
covariance

Usage: ivector-copy-plda <plda-in> <plda-out>
e.g.: ivector-copy-plda --smoothing=0.1 plda plda.smooth0.1""",
    options=CopyPldaOptions,
    min_args=2,
    max_args=2,
)
def ivector_copy_plda(options, plda_in: str, plda_out: str) -> int:
    plda = read_object(plda_in, PLDA)
    if options.smoothing != 0:
        log(
            f"Smoothing within-class covariance by {options.smoothing:g}, Psi is initially:"
            f" {_shown(plda.psi_D)}"
        )
        plda = plda.smoothed(options.smoothing)
        log(f"New value of Psi is {_shown(plda.psi_D)}")
    write_object(plda_out, PLDA, plda, options.binary)
    return 0


@dataclasses.dataclass
class AdaptPldaOptions:
    binary: bool = option(True, "Write output in binary mode")
    mean_diff_scale: float = option(
        1.0,
        "Scale with which to add to the total data variance, the outer product of the difference"
        " between the original mean and the adaptation-data mean",
    )
    within_covar_scale: float = option(
        0.3,
        "Scale that determines how much of excess variance in a particular direction gets"
        " attributed to within-class covar.",
    )
    between_covar_scale: float = option(
        0.7,
        "Scale that determines how much of excess variance in a particular direction gets"
        " attributed to between-class covar.",
    )


@command(
    "ivector-adapt-plda",
    usage="""Adapt a PLDA object using unsupervised adaptation-data iVectors from a different
domain to the training data.

Usage: ivector-adapt-plda [options] <plda-in> <ivectors-rspecifier> <plda-out>
e.g.: ivector-adapt-plda plda ark:ivectors.ark plda.adapted""",
    options=AdaptPldaOptions,
    min_args=3,
    max_args=3,
)
def ivector_adapt_plda(options, plda_in: str, vectors_in: str, plda_out: str) -> int:
    from steps_py.backend.adapt import AdaptConfig, adapt_plda  # start-up time

    config = AdaptConfig(
        mean_diff_scale=options.mean_diff_scale,
        within_covar_scale=options.within_covar_scale,
        between_covar_scale=options.between_covar_scale,
    )
    plda = read_object(plda_in, PLDA)
    keys, x_ND = read_vectors(vectors_in)
    if not keys:
        raise KaldiError(f"{vectors_in}: no vectors to adapt to. Is the table empty?")
    adapted, excess_D = adapt_plda(plda, x_ND, config)
    log(
        "Eigenvalues of adaptation-data total-covariance in space where training-data"
        f" total-covariance is unit, is: {_shown(excess_D)}"
    )
    log(
        f"Old diagonal of between-class covar was: {_shown(plda.psi_D)}, new diagonal is"
        f" {_shown(adapted.psi_D)}"
    )
    write_object(plda_out, PLDA, adapted, options.binary)
    return 0


@dataclasses.dataclass
class ScoringOptions(PldaOptions):
    num_utts: str = option(
        "", "Table to read the number of utterances per speaker, e.g. ark:num_utts.ark"
    )


@command(
    "ivector-plda-scoring",
    usage="""Computes log-likelihood ratios for trials using PLDA model
Note: the 'trials-file' has lines of the form
<key1> <key2>
and the output will have the form
<key1> <key2> <score>
(if either key could not be found, the line will be absent from the output,
and this program will print a warning)
For training examples, the input is the iVectors averaged over speakers;
a separate archive containing the number of utterances per speaker may be
optionally supplied using the --num-utts option; this affects the PLDA
scoring (if not supplied, it defaults to 1 per speaker).

Usage: ivector-plda-scoring <plda> <train-ivector-rspecifier> <test-ivector-rspecifier>
 <trials-rxfilename> <scores-wxfilename>

e.g.: ivector-plda-scoring --num-utts=ark:exp/train/num_utts.ark plda """
    """ark:exp/train/spk_ivectors.ark ark:exp/test/ivectors.ark trials scores
See also: ivector-compute-dot-products, ivector-compute-plda""",
    options=ScoringOptions,
    min_args=5,
    max_args=5,
)
def ivector_plda_scoring(
    options, plda_in: str, enroll_in: str, test_in: str, trials_in: str, scores_out: str
):
    from steps_py.kaldi.trial_scoring import score_by_plda  # start-up time

    plda = read_object(plda_in, PLDA)
    return score_by_plda(plda, options, enroll_in, test_in, (trials_in, scores_out))


@command(
    "ivector-compute-dot-products",
    usage="""Computes dot-products between iVectors; useful in application of an
iVector-based system.  The 'trials-file' has lines of the form
<key1> <key2>
and the output will have the form
<key1> <key2> <dot-product>
(if either key could not be found, the line will be absent from the output,
and this program will print a warning)

Usage:  ivector-compute-dot-products [options] <trials-in> """
    """<ivector1-rspecifier> <ivector2-rspecifier> <scores-out>
e.g.:
 ivector-compute-dot-products trials ark:train_ivectors.scp ark:test_ivectors.scp trials.scored
See also: ivector-plda-scoring""",
    min_args=4,
    max_args=4,
)
def ivector_compute_dot_products(
    options, trials_in: str, first_in: str, second_in: str, scores_out: str
):
    from steps_py.kaldi.trial_scoring import score_by_dot_product  # start-up time

    return score_by_dot_product(first_in, second_in, (trials_in, scores_out))


@dataclasses.dataclass
class DenseScoringOptions(PldaOptions):
    target_energy: float = option(
        0.5,
        "Reduce dimensionality of i-vectors using a recording-dependent PCA such that this"
        " fraction of the total energy remains.",
    )


@command(
    "ivector-plda-scoring-dense",
    usage="""Perform PLDA scoring for speaker diarization.  The input reco2utt
should be of the form <recording-id> <seg1> <seg2> ... <segN> and
there should be one iVector for each segment.  PLDA scoring is
performed between all pairs of iVectors in a recording and outputs
an archive of score matrices, one for each recording-id.  The rows
and columns of the the matrix correspond the sorted order of the
segments.
Usage: ivector-plda-scoring-dense [options] <plda> <reco2utt> """
    """<ivectors-rspecifier> <scores-wspecifier>
e.g.:
  ivector-plda-scoring-dense plda reco2utt scp:ivectors.scp ark:scores.ark""",
    options=DenseScoringOptions,
    min_args=4,
    max_args=4,
)
def ivector_plda_scoring_dense(
    options, plda_in: str, reco2utt: str, vectors_in: str, scores_out: str
) -> int:
    from steps_py.kaldi.trial_scoring import dense_scores, vectors_of_recording  # start-up time

    if not 0 <= options.target_energy <= 1:
        raise KaldiError(f"--target-energy={options.target_energy:g}: not between 0 and 1.")
    plda = read_object(plda_in, PLDA)
    tally = Tally()
    with (
        SequentialReader(reco2utt, TOKENS) as recordings,
        RandomReader(vectors_in, FLOAT_VECTOR) as vectors,
        TableWriter(scores_out, FLOAT_MATRIX) as writer,
    ):
        for reco, utts in recordings:
            if not utts:
                tally.lost(reco, "not producing output since no segments had iVectors")
                continue
            x_ND = vectors_of_recording(vectors, vectors_in, reco, utts)
            writer.write(reco, dense_scores(plda, options, x_ND))
            tally.done()
    log(f"Processed {tally.num_done} recordings, {tally.num_lost} had errors.")
    return tally.exit_code()


def _shown(values):
    return "[ " + " ".join(f"{value:.6g}" for value in values) + " ]"
