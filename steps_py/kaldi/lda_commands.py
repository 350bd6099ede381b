"""Projections estimated from vectors: ivector-compute-lda, est-pca.

Sources: src/ivectorbin/ivector-compute-lda.cc, src/bin/est-pca.cc.

Shape suffixes (scope: this module):
    T = frames, or vectors of a batch   N = vectors of a batch   D = dimension
"""

import dataclasses

from steps_py.errors import KaldiError
from steps_py.formats.holders import FLOAT_MATRIX, FLOAT_VECTOR, TOKEN
from steps_py.formats.log import Tally, log, warn
from steps_py.formats.options import option
from steps_py.formats.tables import RandomReader, SequentialReader, write_object
from steps_py.formats.vector_tables import batches, batches_of_one_dim
from steps_py.kaldi.commands import command


@dataclasses.dataclass
class LdaOptions:
    dim: int = option(100, "Dimension we keep with the LDA transform")
    total_covariance_factor: float = option(
        0.0,
        "If this is 0.0 we normalize to make the within-class covariance unit; if 1.0, the total"
        " covariance; if between, we normalize an interpolated matrix.",
    )
    covariance_floor: float = option(
        1e-6,
        "Floor the eigenvalues of the interpolated covariance matrix to the product of its"
        " largest eigenvalue and this number.",
    )
    binary: bool = option(True, "Write output in binary mode")


@command(
    "ivector-compute-lda",
    usage="""Compute an LDA matrix for iVector system.  Reads in iVectors per utterance,
and an utt2spk file which it uses to help work out the within-speaker and
between-speaker covariance matrices.  Outputs an LDA projection to a
specified dimension.  By default it will normalize so that the projected
within-class covariance is unit, but with --total-covariance-factor=1
it will normalize the total covariance.
Note: the transform we produce is actually an affine transform which will
also set the global mean to zero.

Usage:  ivector-compute-lda [options] <ivector-rspecifier> <utt2spk-rspecifier> <lda-matrix-out>
e.g.:
 ivector-compute-lda ark:ivectors.ark ark:utt2spk lda.mat""",
    options=LdaOptions,
    min_args=3,
    max_args=3,
)
def ivector_compute_lda(options, vectors_in: str, utt2spk: dict[str, str], matrix_out: str) -> int:
    from steps_py.backend.lda import Lda  # start-up time

    lda = Lda(options.dim, options.total_covariance_factor, options.covariance_floor)
    tally = Tally()
    stats = _speaker_stats(vectors_in, utt2spk, tally)
    log(f"Read {tally.num_done} utterances, {tally.num_lost} with errors.")
    if stats is None:
        raise KaldiError(f"{vectors_in}: no vector of a speaker of {utt2spk} to train on.")
    log(f"Stats have {stats.num_speakers} speakers, {stats.num_vectors} utterances.")
    lda.fit_stats(stats)
    if lda.num_floored:
        warn(f"Floored {lda.num_floored} eigenvalues of covariance")
    if options.dim > stats.num_speakers - 1:
        warn(
            f"--dim is {options.dim}, but {stats.num_speakers} speakers span"
            f" {stats.num_speakers - 1} directions: the others hold no information on speakers"
        )
    log(
        "Singular values of between-class covariance after projecting with interpolated"
        f" [total/within] covariance with a weight of {options.total_covariance_factor:g} on the"
        f" total covariance, are: {_shown(lda.eigenvalues_D)}"
    )
    write_object(matrix_out, FLOAT_MATRIX, lda.affine(), options.binary)
    log(f"Wrote LDA transform to {matrix_out}")
    return tally.exit_code()


def _speaker_stats(vectors_in, utt2spk, tally):
    """SpeakerStats of the vectors whose speaker is known; None if there are none."""
    from steps_py.backend.covariance import SpeakerStats  # start-up time

    stats, index_of, seen = None, {}, set()
    with (
        SequentialReader(vectors_in, FLOAT_VECTOR) as reader,
        RandomReader(utt2spk, TOKEN) as speakers,
    ):
        for keys, x_ND in batches_of_one_dim(reader, vectors_in):
            rows, index = [], []
            for row, utt in enumerate(keys):
                if utt in seen:
                    tally.lost(utt, "duplicate iVector found, ignoring it")
                elif utt not in speakers:
                    tally.lost(utt, "utt2spk has no entry, skipping it")
                else:
                    rows.append(row)
                    index.append(index_of.setdefault(speakers[utt], len(index_of)))
                    seen.add(utt)
                    tally.done()
            if rows:
                stats = stats or SpeakerStats(x_ND.shape[1])
                stats.add(x_ND[rows], index)
    return stats


@dataclasses.dataclass
class PcaOptions:
    binary: bool = option(True, "Write accumulators in binary mode.")
    dim: int = option(-1, "Feature dimension requested (if <= 0, uses full feature dimension)")
    read_vectors: bool = option(
        False, "If true, read in single vectors instead of feature matrices"
    )
    normalize_variance: bool = option(
        False, "If true, make a transform that normalizes variance to one."
    )
    normalize_mean: bool = option(
        False, "If true, output an affine transform that subtracts the data mean."
    )
    write_full_matrix: str = option(
        "", "Write full version of the matrix to this location (including rejected rows)"
    )


@command(
    "est-pca",
    usage="""Estimate PCA transform; dimension reduction is optional (if not specified
we don't reduce the dimension; if you specify --normalize-variance=true,
we normalize the (centered) covariance of the features, and if you specify
--normalize-mean=true the mean is also normalized.
By default the program reads in matrices (e.g. features), but with
--read-vectors=true, can read in vectors (e.g. iVectors).

Usage:  est-pca [options] (<feature-rspecifier>|<vector-rspecifier>) <pca-matrix-out>
e.g.:
utils/shuffle_list.pl data/train/feats.scp | head -n 5000 | sort | \\
  est-pca --dim=50 scp:- some/dir/0.mat""",
    options=PcaOptions,
    min_args=2,
    max_args=2,
)
def est_pca(options, table_in: str, matrix_out: str) -> int:
    import numpy as np  # start-up time

    from steps_py.backend.lda import Pca

    tally = Tally()
    stats = _overall_stats(table_in, options.read_vectors, tally)
    if stats is None:
        raise KaldiError(f"{table_in}: no data accumulated. Is the table empty?")
    if options.dim > stats.dim:
        raise KaldiError(
            f"est-pca: final dimension {options.dim} is greater than feature dimension {stats.dim}."
        )
    pca = Pca().fit_stats(stats)
    dim = options.dim if options.dim > 0 else stats.dim
    log(f"Eigenvalues in PCA are {_shown(pca.variances_D)}")
    log(
        f"Sum of PCA eigenvalues is {pca.variances_D.sum():g}, sum of kept eigenvalues is"
        f" {pca.variances_D[:dim].sum():g}"
    )
    matrix = pca.transform_DD
    if options.normalize_variance:
        matrix = matrix / np.sqrt(np.maximum(pca.variances_D, 1e-15))[:, np.newaxis]
    if options.normalize_mean:
        matrix = np.concatenate([matrix, -matrix @ pca.mean_D[:, np.newaxis]], axis=1)
    if options.write_full_matrix:
        write_object(options.write_full_matrix, FLOAT_MATRIX, matrix, options.binary)
    write_object(matrix_out, FLOAT_MATRIX, matrix[:dim], options.binary)
    return tally.exit_code()


def _overall_stats(table_in, read_vectors, tally):
    """SpeakerStats of all rows, as if of one speaker."""
    from steps_py.backend.covariance import SpeakerStats  # start-up time

    stats = None
    with SequentialReader(table_in, FLOAT_VECTOR if read_vectors else FLOAT_MATRIX) as reader:
        parts = batches(reader) if read_vectors else (([key], x_TD) for key, x_TD in reader)
        for keys, x_TD in parts:
            why = "empty" if x_TD.size == 0 else None
            if stats is not None and x_TD.shape[1] != stats.dim:
                why = why or f"dimension mismatch {stats.dim} vs. {x_TD.shape[1]}"
            if why is None:
                stats = stats or SpeakerStats(x_TD.shape[1])
                stats.add(x_TD, [0] * len(x_TD))
            for key in keys:
                if why is None:
                    tally.done()
                else:
                    tally.lost(key, why)
    unit = "vectors" if read_vectors else "feature files"
    log(f"Accumulated stats from {tally.num_done} {unit}, {tally.num_lost} with errors.")
    return stats


def _shown(values):
    return " [ " + " ".join(f"{value:.7g}" for value in values) + " ]"
