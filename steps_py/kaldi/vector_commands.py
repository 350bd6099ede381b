"""Vectors per utterance or speaker: means, centring, length normalisation, transforms.

Sources: src/ivectorbin/ivector-{mean,subtract-global-mean,normalize-length,transform}.cc,
src/bin/transform-vec.cc.

Shape suffixes (scope: this module):
    N = vectors of a batch   D = dimension   L = dimension after a transform
"""

import dataclasses
import math

from steps_py.errors import KaldiError
from steps_py.formats.holders import DOUBLE_VECTOR, FLOAT_MATRIX, FLOAT_VECTOR, INT, TOKENS
from steps_py.formats.log import Tally, log, verbose, warn
from steps_py.formats.options import option
from steps_py.formats.tables import (
    RandomReader,
    SequentialReader,
    TableWriter,
    write_object,
)
from steps_py.formats.vector_tables import batches, batches_of_one_dim, read_finite
from steps_py.kaldi.commands import command


@dataclasses.dataclass
class MeanOptions:
    binary: bool = option(
        False,
        "If true, write output in binary (only applicable when writing files, not archives/tables.",
    )


@command(
    "ivector-mean",
    usage="""With 3 or 4 arguments, averages iVectors over all the
utterances of each speaker using the spk2utt file.
Input the spk2utt file and a set of iVectors indexed by
utterance; output is iVectors indexed by speaker.  If 4
arguments are given, extra argument is a table for the number
of utterances per speaker (can be useful for PLDA).  If 2
arguments are given, computes the mean of all input files and
writes out the mean vector.

Usage: ivector-mean <spk2utt-rspecifier> <ivector-rspecifier> """
    """<ivector-wspecifier> [<num-utt-wspecifier>]
or: ivector-mean <ivector-rspecifier> <mean-wxfilename>
e.g.: ivector-mean data/spk2utt exp/ivectors.ark exp/spk_ivectors.ark exp/spk_num_utts.ark
or: ivector-mean exp/ivectors.ark exp/mean.vec
See also: ivector-subtract-global-mean""",
    options=MeanOptions,
    min_args=2,
    max_args=4,
)
def ivector_mean(options, *arguments):
    if len(arguments) == 2:
        return _global_mean(*arguments, options.binary)
    return _speaker_means(*arguments)


def _global_mean(vectors_in, mean_out, binary):
    import numpy as np  # start-up time

    count, sum_D = 0, 0.0
    with SequentialReader(vectors_in, FLOAT_VECTOR) as reader:
        for keys, x_ND in batches_of_one_dim(reader, vectors_in):
            count += len(keys)
            sum_D = sum_D + x_ND.sum(axis=0, dtype=np.float64)
    if count == 0:
        raise KaldiError(f"{vectors_in}: no vectors to average. Is the table empty?")
    write_object(mean_out, DOUBLE_VECTOR, sum_D / count, binary)
    return 0


def _speaker_means(spk2utt, vectors_in, means_out, num_utts_out=""):
    tally = Tally()
    num_utts, lengths = 0, _Lengths()
    with (
        SequentialReader(spk2utt, TOKENS) as speakers,
        RandomReader(vectors_in, FLOAT_VECTOR) as vectors,
        TableWriter(means_out, FLOAT_VECTOR) as mean_writer,
        TableWriter(num_utts_out, INT, optional=True) as count_writer,
    ):
        for spk, utts in speakers:
            found = _vectors_of(spk, utts, vectors, tally)
            if not found:
                warn(f"Not producing output for speaker {spk} since no utterances had iVectors")
                continue
            mean_D = sum(found[1:], start=found[0].astype("float64")) / len(found)
            mean_writer.write(spk, mean_D)
            count_writer.write(spk, len(found))
            num_utts += len(found)
            tally.done()
            lengths.add(mean_D)
    log(
        f"Computed mean of {tally.num_done} speakers, consisting of {num_utts} utterances"
        f" ({tally.num_lost} absent from input)."
    )
    if tally.num_done:
        log(
            f"Norm of mean of speakers is {lengths.norm_of_mean():g}, root-mean-square"
            f" speaker-iVector length divided by sqrt(dim) is {lengths.relative_length():g}"
        )
    return tally.exit_code()


def _vectors_of(spk, utts, vectors, tally):
    """The vectors of a speaker's utterances; those that are missing are counted as lost."""
    if not utts:
        raise KaldiError(f"{spk}: speaker with no utterances. Remove the line from spk2utt.")
    found = []
    for utt in utts:
        if utt not in vectors:
            tally.lost(utt, "no iVector present in input")
            continue
        found.append(vectors[utt])
        if len(found[-1]) != len(found[0]):
            raise KaldiError(
                f"{spk}: {utt} has {len(found[-1])} dimensions, others of the speaker have"
                f" {len(found[0])}."
            )
    return found


class _Lengths:
    """Mean and mean squared length of vectors, for the log."""

    def __init__(self):
        self._count, self._sum_D, self._energy = 0, 0.0, 0.0

    def add(self, x_D):
        self._count += 1
        self._sum_D = self._sum_D + x_D
        self._energy += float(x_D @ x_D)

    def norm_of_mean(self):
        mean_D = self._sum_D / self._count
        return math.sqrt(mean_D @ mean_D)

    def relative_length(self):
        return math.sqrt(self._energy / self._count / len(self._sum_D))


@dataclasses.dataclass
class SubtractMeanOptions:
    subtract_mean: bool = option(True, "If true, subtract mean; if false, just copy the input.")


@command(
    "ivector-subtract-global-mean",
    usage="""Copies a table of iVectors but subtracts the global mean as
it does so.  The mean may be specified as the first argument; if not,
the sum of the input iVectors is used.

Usage: ivector-subtract-global-mean <ivector-rspecifier> <ivector-wspecifier>
or: ivector-subtract-global-mean <mean-rxfliename> <ivector-rspecifier> <ivector-wspecifier>
e.g.: ivector-subtract-global-mean scp:ivectors.scp ark:-
or: ivector-subtract-global-mean mean.vec scp:ivectors.scp ark:-
See also: ivector-mean""",
    options=SubtractMeanOptions,
    min_args=2,
    max_args=3,
)
def ivector_subtract_global_mean(options, *arguments) -> int:
    *mean_in, vectors_in, vectors_out = arguments
    tally = Tally()
    with (
        SequentialReader(vectors_in, FLOAT_VECTOR) as reader,
        TableWriter(vectors_out, FLOAT_VECTOR) as writer,
    ):
        stream = batches_of_one_dim(reader, vectors_in)
        if mean_in:
            mean_D = read_finite(mean_in[0], FLOAT_VECTOR)
        else:
            stream = list(stream)
            mean_D = _mean_of(stream)
            if not options.subtract_mean:
                mean_D = 0 * mean_D
        for keys, x_ND in stream:
            if x_ND.shape[1] != len(mean_D):
                raise KaldiError(
                    f"{keys[0]} has {x_ND.shape[1]} dimensions, the mean {len(mean_D)}."
                    f" Was {mean_in[0]} computed from other vectors?"
                )
            _write_all(writer, keys, x_ND - mean_D, tally)
    log(f"Wrote {tally.num_done} mean-subtracted iVectors")
    return tally.exit_code()


def _mean_of(stream):
    """Mean over batches; in double precision, so that it is subtracted before rounding."""
    import numpy as np  # start-up time

    count = sum(len(keys) for keys, _ in stream)
    log(f"Read {count} iVectors.")
    mean_D = sum(x_ND.sum(axis=0, dtype=np.float64) for _, x_ND in stream) / max(count, 1)
    if count:
        log(f"Norm of iVector mean was {math.sqrt(mean_D @ mean_D):g}")
    return mean_D


def _write_all(writer, keys, x_ND, tally):
    for key, x_D in zip(keys, x_ND, strict=True):
        writer.write(key, x_D)
        tally.done()


@dataclasses.dataclass
class NormalizeLengthOptions:
    normalize: bool = option(True, "Set this to false to disable normalization")
    scaleup: bool = option(True, "If 'true', the normalized iVector is scaled-up by 'sqrt(dim)'")


@command(
    "ivector-normalize-length",
    usage="""Normalize length of iVectors to equal sqrt(feature-dimension)

Usage:  ivector-normalize-length [options] <ivector-rspecifier> <ivector-wspecifier>
e.g.:
 ivector-normalize-length ark:ivectors.ark ark:normalized_ivectors.ark""",
    options=NormalizeLengthOptions,
    min_args=2,
    max_args=2,
)
def ivector_normalize_length(options, vectors_in: str, vectors_out: str) -> int:
    from steps_py.backend.length_norm import length_ratios, normalize_length  # start-up time

    tally = Tally()
    total = total_squared = 0.0
    with (
        SequentialReader(vectors_in, FLOAT_VECTOR) as reader,
        TableWriter(vectors_out, FLOAT_VECTOR) as writer,
    ):
        for keys, x_ND in batches(reader):
            ratio_N = length_ratios(x_ND, options.scaleup)
            for key, ratio in zip(keys, ratio_N.tolist(), strict=True):
                verbose(2, f"Ratio for key {key} is {ratio:g}")
                if ratio == 0:
                    warn(f"Zero iVector: {key}")
            total += float(ratio_N.sum(dtype="float64"))
            total_squared += float((ratio_N.astype("float64") ** 2).sum())
            if options.normalize:
                x_ND = normalize_length(x_ND, options.scaleup)
            _write_all(writer, keys, x_ND, tally)
    log(f"Processed {tally.num_done} iVectors.")
    if tally.num_done:
        mean = total / tally.num_done
        deviation = math.sqrt(max(total_squared / tally.num_done - mean**2, 0.0))
        log(
            f"Average ratio of iVector to expected length was {mean:g}, standard deviation was"
            f" {deviation:g}"
        )
    return tally.exit_code()


@command(
    "ivector-transform",
    usage="""Multiplies iVectors (on the left) by a supplied transformation matrix

Usage:  ivector-transform [options] <matrix-in> <ivector-rspecifier><ivector-wspecifier>
e.g.:
 ivector-transform transform.mat ark:ivectors.ark ark:transformed_ivectors.ark""",
    min_args=3,
    max_args=3,
)
def ivector_transform(options, matrix_in: str, vectors_in: str, vectors_out: str) -> int:
    tally, lengths = Tally(), _Lengths()
    for y_ND in _transform_table(matrix_in, vectors_in, vectors_out, tally):
        for y_D in y_ND:
            lengths.add(y_D)
    log(f"Processed {tally.num_done} iVectors.")
    if tally.num_done:
        norm = lengths.norm_of_mean()
        spread = max(lengths.relative_length() ** 2 - norm**2 / y_ND.shape[1], 0.0)
        log(
            f"Norm of mean was {norm:g} (should be close to zero), length divided by sqrt(dim)"
            f" was {math.sqrt(spread):g} (should probably be close to one)"
        )
    return tally.exit_code()


@command(
    "transform-vec",
    usage="""This program applies a linear or affine transform to individual vectors, e.g.
iVectors.  It is transform-feats, except it works on vectors rather than matrices,
and expects a single transform matrix rather than possibly a table of matrices

Usage: transform-vec [options] <transform-rxfilename> <feats-rspecifier> <feats-wspecifier>
See also: transform-feats, est-pca""",
    min_args=3,
    max_args=3,
)
def transform_vec(options, matrix_in: str, vectors_in: str, vectors_out: str) -> int:
    tally = Tally()
    for _ in _transform_table(matrix_in, vectors_in, vectors_out, tally):
        pass
    log(f"Applied transform to {tally.num_done} vectors.")
    return tally.exit_code()


def _transform_table(matrix_in, vectors_in, vectors_out, tally):
    """Transform and write all vectors; yields the float64 results of each batch."""
    matrix_LD = read_finite(matrix_in, FLOAT_MATRIX)
    num_cols = matrix_LD.shape[1]
    with (
        SequentialReader(vectors_in, FLOAT_VECTOR) as reader,
        TableWriter(vectors_out, FLOAT_VECTOR) as writer,
    ):
        for keys, x_ND in batches(reader):
            dim = x_ND.shape[1]
            if num_cols - dim not in (0, 1):
                raise KaldiError(
                    f"{keys[0]} has {dim} dimensions, the transform {matrix_in} has {num_cols}"
                    f" columns; it should have {dim}, or {dim + 1} with an offset."
                )
            y_ND = x_ND.astype("float64") @ matrix_LD[:, :dim].T
            if num_cols > dim:
                y_ND += matrix_LD[:, dim]
            _write_all(writer, keys, y_ND, tally)
            yield y_ND
