"""Sums of matrices and vectors: of tables, of the entries of a table, of files.

Sources: src/bin/matrix-sum.cc, src/bin/vector-sum.cc, src/bin/vector-scale.cc.
"""

import contextlib
import dataclasses

from steps_py.errors import KaldiError
from steps_py.formats.holders import FLOAT_MATRIX, FLOAT_VECTOR
from steps_py.formats.log import Tally, log, warn
from steps_py.formats.options import option
from steps_py.formats.specifiers import is_rspecifier, is_wspecifier
from steps_py.formats.tables import (
    RandomReader,
    SequentialReader,
    TableWriter,
    read_object,
    write_object,
)
from steps_py.kaldi.commands import command


@dataclasses.dataclass
class MatrixSumOptions:
    scale1: float = option(1.0, "Scale applied to first matrix (only for type one usage)")
    scale2: float = option(1.0, "Scale applied to second matrix (only for type one usage)")
    binary: bool = option(
        True,
        "If true, write output as binary (only relevant for usage types two or three",
    )
    average: bool = option(
        False,
        "If true, compute average instead of sum; currently compatible with type 3 or type 1"
        " usage.",
    )


@command(
    "matrix-sum",
    usage="""Add matrices (supports various forms)

Type one usage:
 matrix-sum [options] <matrix-in-rspecifier1> [<matrix-in-rspecifier2>"""
    """ <matrix-in-rspecifier3> ...] <matrix-out-wspecifier>
  e.g.: matrix-sum ark:1.weights ark:2.weights ark:combine.weights
  This usage supports the --scale1 and --scale2 options to scale the
  first two input tables.
Type two usage (sums a single table input to produce a single output):
 matrix-sum [options] <matrix-in-rspecifier> <matrix-out-wxfilename>
 e.g.: matrix-sum --binary=false mats.ark sum.mat
Type three usage (sums or averages single-file inputs to produce
a single output):
 matrix-sum [options] <matrix-in-rxfilename1> <matrix-in-rxfilename2> ..."""
    """ <matrix-out-wxfilename>
 e.g.: matrix-sum --binary=false 1.mat 2.mat 3.mat sum.mat
See also: matrix-sum-rows, copy-matrix""",
    options=MatrixSumOptions,
    min_args=2,
    max_args=None,
)
def matrix_sum(options, *arguments: str) -> int:
    *inputs, out = arguments
    if is_wspecifier(out):
        scales = [options.scale1, options.scale2]
        if options.average:
            scales = [1.0 / len(inputs)] * len(inputs)
        return _sum_tables(inputs, out, FLOAT_MATRIX, scales)
    if options.scale1 != 1 or options.scale2 != 1:
        raise KaldiError("matrix-sum: --scale1 and --scale2 are for sums of tables only.")
    if len(inputs) == 1 and is_rspecifier(inputs[0]):
        if options.average:
            raise KaldiError("matrix-sum: --average does not go with one table and one file.")
        return _sum_entries(inputs[0], out, FLOAT_MATRIX, options.binary, average=False)
    return _sum_files(inputs, out, FLOAT_MATRIX, options.binary, options.average)


@dataclasses.dataclass
class VectorSumOptions:
    binary: bool = option(
        True,
        "If true, write output as binary (only relevant for usage types two or three",
    )
    average: bool = option(False, "Do average instead of sum")


@command(
    "vector-sum",
    usage="""Add vectors (e.g. weights, transition-accs; speaker vectors)
If you need to scale the inputs, use vector-scale on the inputs

Type one usage:
 vector-sum [options] <vector-in-rspecifier1> [<vector-in-rspecifier2>"""
    """ <vector-in-rspecifier3> ...] <vector-out-wspecifier>
  e.g.: vector-sum ark:1.weights ark:2.weights ark:combine.weights
Type two usage (sums a single table input to produce a single output):
 vector-sum [options] <vector-in-rspecifier> <vector-out-wxfilename>
 e.g.: vector-sum --binary=false vecs.ark sum.vec
Type three usage (sums single-file inputs to produce a single output):
 vector-sum [options] <vector-in-rxfilename1> <vector-in-rxfilename2> ..."""
    """ <vector-out-wxfilename>
 e.g.: vector-sum --binary=false 1.vec 2.vec 3.vec sum.vec
See also: copy-vector, vector-scale""",
    options=VectorSumOptions,
    min_args=2,
    max_args=None,
)
def vector_sum(options, *arguments: str) -> int:
    *inputs, out = arguments
    if is_wspecifier(out):
        return _sum_tables(inputs, out, FLOAT_VECTOR, [])
    if len(inputs) == 1 and is_rspecifier(inputs[0]):
        return _sum_entries(inputs[0], out, FLOAT_VECTOR, options.binary, options.average)
    return _sum_files(inputs, out, FLOAT_VECTOR, options.binary, average=False)


def _sum_tables(inputs, out, holder, scales):
    """One output of each key of the first table; missing entries of others are left out."""
    import numpy as np  # start-up time

    scales = [*scales, *[1.0] * len(inputs)][: len(inputs)]
    tally, num_missing = Tally(), 0
    with contextlib.ExitStack() as stack:
        reader = stack.enter_context(SequentialReader(inputs[0], holder))
        tables = [stack.enter_context(RandomReader(name, holder)) for name in inputs[1:]]
        writer = stack.enter_context(TableWriter(out, holder))
        for key, value in reader:
            total = value * np.float32(scales[0])
            for name, table, scale in zip(inputs[1:], tables, scales[1:], strict=True):
                if key not in table:
                    num_missing += 1
                    warn(f"{key}: not found in {name}")
                elif table[key].shape != total.shape:
                    warn(f"{key}: dimension mismatch {table[key].shape} of {name} vs {total.shape}")
                else:
                    total = total + np.float32(scale) * table[key]
            writer.write(key, total)
            tally.done()
    log(f"Produced output for {tally.num_done} utterances; {num_missing} missing entries")
    return 0 if num_missing < tally.num_done - num_missing else 1


def _sum_entries(table_in, out, holder, binary, average):
    """The sum of all entries of a table."""
    import numpy as np  # start-up time

    tally, total = Tally(), None
    with SequentialReader(table_in, holder) as reader:
        for key, value in reader:
            if not value.size:
                tally.lost(key, "empty")
            elif total is not None and value.shape != total.shape:
                tally.lost(key, f"dimension mismatch {value.shape} vs. {total.shape}")
            else:
                total = value.astype(np.float64) + (0 if total is None else total)
                tally.done()
    if total is None:
        total = np.zeros((0,) * (2 if holder is FLOAT_MATRIX else 1))
    elif average:
        total = total / tally.num_done
    write_object(out, holder, total, binary)
    log(f"Summed {tally.num_done} entries, {tally.num_lost} with errors; wrote sum to {out}")
    return 0 if tally.num_lost < tally.num_done else 1


def _sum_files(inputs, out, holder, binary, average):
    """The sum of the objects of files; a larger one than those before it enlarges the sum."""
    import numpy as np  # start-up time

    for name in inputs:
        if is_rspecifier(name):
            raise KaldiError(f"'{name}' is a table, but the output '{out}' is a file.")
    total = read_object(inputs[0], holder)
    for name in inputs[1:]:
        value = read_object(name, holder)
        grown = tuple(max(a, b) for a, b in zip(total.shape, value.shape, strict=True))
        if value.shape != grown:
            raise KaldiError(
                f"{name}: smaller ({value.shape}) than the sum of those before it ({total.shape})."
            )
        larger = np.zeros(grown, total.dtype)
        larger[tuple(slice(size) for size in total.shape)] = total
        total = larger + value
    write_object(out, holder, total / len(inputs) if average else total, binary)
    log(f"Summed {len(inputs)} files; wrote sum to {out}")
    return 0


@dataclasses.dataclass
class VectorScaleOptions:
    binary: bool = option(True, "If true, write output as binary, only relevant for single files")
    scale: float = option(1.0, "Scaling factor for vectors")


@command(
    "vector-scale",
    usage="""Scale vectors, or archives of vectors (useful for speaker vectors and
per-frame weights)
Usage: vector-scale [options] <vector-in-rspecifier> <vector-out-wspecifier>
   or: vector-scale [options] <vector-in-rxfilename> <vector-out-wxfilename>
 e.g.: vector-scale --scale=-1.0 1.vec 2.vec
       vector-scale --scale=-2.0 ark:vec.ark ark,t:-
See also: copy-vector, vector-sum""",
    options=VectorScaleOptions,
    min_args=2,
    max_args=2,
)
def vector_scale(options, vectors_in: str, vectors_out: str) -> int:
    import numpy as np  # start-up time

    scale = np.float32(options.scale)
    if is_rspecifier(vectors_in) != is_wspecifier(vectors_out):
        raise KaldiError(
            f"'{vectors_in}' and '{vectors_out}': give two tables (ark:, scp:) or two files."
        )
    if not is_rspecifier(vectors_in):
        value = read_object(vectors_in, FLOAT_VECTOR)
        write_object(vectors_out, FLOAT_VECTOR, value * scale, options.binary)
        return 0
    tally = Tally()
    with (
        SequentialReader(vectors_in, FLOAT_VECTOR) as reader,
        TableWriter(vectors_out, FLOAT_VECTOR) as writer,
    ):
        for key, value in reader:
            writer.write(key, value * scale)
            tally.done()
    log(f"Scaled {tally.num_done} vectors.")
    return tally.exit_code()
