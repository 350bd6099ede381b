"""Commands that copy tables as they are: copy-feats, feat-to-len, copy-vector ...

Sources: src/featbin/{copy-feats,feat-to-len,feat-to-dim}.cc, src/bin/copy-{vector,matrix}.cc.

Shape suffixes (scope: this module):
    T = frames   D = feature dimension
"""

import dataclasses

from steps_py.errors import KaldiError
from steps_py.formats.holders import COMPRESSED_MATRIX, FLOAT_MATRIX, FLOAT_VECTOR, INT
from steps_py.formats.log import Tally, log, warn
from steps_py.formats.options import option
from steps_py.formats.outputs import open_output
from steps_py.formats.specifiers import is_rspecifier, is_wspecifier
from steps_py.formats.tables import (
    SequentialReader,
    TableWriter,
    read_object,
    write_object,
)
from steps_py.kaldi.commands import command


@dataclasses.dataclass
class CopyFeatsOptions:
    htk_in: bool = option(False, "Read input as HTK features")
    sphinx_in: bool = option(False, "Read input as Sphinx features")
    binary: bool = option(True, "Binary-mode output (not relevant if writing to archive)")
    compress: bool = option(False, "If true, write output in compressed form (tables only)")
    compression_method: int = option(1, "Only relevant if --compress=true; the method, 1 to 7")
    write_num_frames: str = option(
        "", "Wspecifier to write length in frames of each utterance, e.g. 'ark,t:utt2num_frames'"
    )


@command(
    "copy-feats",
    usage="""Copy features [and possibly change format]
Usage: copy-feats [options] <feature-rspecifier> <feature-wspecifier>
or:   copy-feats [options] <feats-rxfilename> <feats-wxfilename>
e.g.: copy-feats ark:- ark,scp:foo.ark,foo.scp
 or: copy-feats ark:foo.ark ark,t:txt.ark
See also: copy-matrix, subsample-feats, splice-feats, paste-feats""",
    options=CopyFeatsOptions,
    min_args=2,
    max_args=2,
)
def copy_feats(options, feats_in: str, feats_out: str):
    if not is_rspecifier(feats_in):
        return _copy_feats_file(options, feats_in, feats_out)
    holder = COMPRESSED_MATRIX(options.compression_method) if options.compress else FLOAT_MATRIX
    tally = Tally()
    with (
        SequentialReader(feats_in, _input_holder(options)) as reader,
        TableWriter(feats_out, holder) as writer,
        TableWriter(options.write_num_frames, INT, optional=True) as num_frames,
    ):
        for utt, x_TD in reader:
            writer.write(utt, x_TD)
            num_frames.write(utt, len(x_TD))
            tally.done()
    log(f"Copied {tally.num_done} feature matrices.")
    return tally.exit_code()


def _input_holder(options):
    """The holder of what copy-feats reads."""
    if not options.htk_in and not options.sphinx_in:
        return FLOAT_MATRIX
    from steps_py.formats.htk import HtkHolder, SphinxHolder  # start-up time

    return HtkHolder() if options.htk_in else SphinxHolder()


def _copy_feats_file(options, feats_in, feats_out):
    if options.compress or options.write_num_frames:
        raise KaldiError(
            "copy-feats: --compress and --write-num-frames work on tables, not on single files."
            " Write ark:FILE or scp:FILE."
        )
    if is_wspecifier(feats_out):
        raise KaldiError(f"copy-feats: cannot copy the file {feats_in} to a table {feats_out}.")
    if options.sphinx_in and not options.htk_in:
        raise KaldiError("copy-feats: --sphinx-in works on tables. Write scp:FILE.")
    x_TD = read_object(feats_in, _input_holder(options))
    write_object(feats_out, FLOAT_MATRIX, x_TD, options.binary)
    log(f"Copied features from {feats_in} to {feats_out}")
    return 0


@command(
    "feat-to-len",
    usage="""Reads an archive of features and writes a corresponding archive
that maps utterance-id to utterance length in frames, or (with
one argument) print to stdout the total number of frames in the
input archive.
Usage: feat-to-len [options] <in-rspecifier> [<out-wspecifier>]
e.g.: feat-to-len scp:feats.scp ark,t:feats.lengths
or: feat-to-len scp:feats.scp""",
    min_args=1,
    max_args=2,
)
def feat_to_len(options, feats_in: str, lengths_out: str | None = None) -> int:
    num_frames = 0
    with (
        SequentialReader(feats_in, FLOAT_MATRIX) as reader,
        TableWriter(lengths_out or "", INT, optional=lengths_out is None) as writer,
    ):
        for utt, x_TD in reader:
            num_frames += len(x_TD)
            writer.write(utt, len(x_TD))
    if lengths_out is None:
        print(num_frames)
    return 0


@command(
    "feat-to-dim",
    usage="""Reads an archive of features.  If second argument is wxfilename, writes
the feature dimension of the first feature file; if second argument is
wspecifier, writes an archive of the feature dimension, indexed by utterance
id.
Usage: feat-to-dim [options] <feat-rspecifier> (<dim-wspecifier>|<dim-wxfilename>)
e.g.: feat-to-dim scp:feats.scp -""",
    min_args=2,
    max_args=2,
)
def feat_to_dim(options, feats_in: str, dims_out: str) -> int:
    with SequentialReader(feats_in, FLOAT_MATRIX) as reader:
        if is_wspecifier(dims_out):
            with TableWriter(dims_out, INT) as writer:
                for utt, x_TD in reader:
                    writer.write(utt, x_TD.shape[1])
            return 0
        for _, x_TD in reader:
            with open_output(dims_out) as out:
                out.write(b"%d\n" % x_TD.shape[1])
            return 0
    raise KaldiError(f"{feats_in}: could not read any features. Is the table empty?")


@dataclasses.dataclass
class CopyVectorOptions:
    binary: bool = option(True, "Write in binary mode (only relevant if output is a wxfilename)")
    change_dim: int = option(-1, "Truncate or zero-pad the vectors to this dimension")
    scale: float = option(1.0, "This option can be used to scale the vectors being copied")


@command(
    "copy-vector",
    usage="""Copy vectors, or archives of vectors (e.g. speaker vectors)

Usage: copy-vector [options] (<vector-in-rspecifier>|<vector-in-rxfilename>) """
    """(<vector-out-wspecifier>|<vector-out-wxfilename>)
 e.g.: copy-vector --binary=false 1.mat -
   copy-vector ark:2.trans ark,t:-""",
    options=CopyVectorOptions,
    min_args=2,
    max_args=2,
)
def copy_vector(options, vectors_in: str, vectors_out: str):
    return _copy(options, vectors_in, vectors_out, FLOAT_VECTOR, _change_vector, "vector")


def _change_vector(options, x_D):
    import numpy as np  # start-up time

    if options.change_dim >= 0:
        x_D = np.pad(x_D[: options.change_dim], (0, max(0, options.change_dim - len(x_D))))
    return x_D * np.float32(options.scale)


@dataclasses.dataclass
class CopyMatrixOptions:
    binary: bool = option(True, "Write in binary mode (only relevant if output is a wxfilename)")
    scale: float = option(1.0, "This option can be used to scale the matrices being copied")
    apply_log: bool = option(False, "Apply log on the matrices, floored at 1e-20")
    apply_exp: bool = option(False, "Apply exp on the matrices")
    apply_power: float = option(1.0, "Apply a power on the matrices")
    apply_softmax_per_row: bool = option(False, "Apply softmax per row of the matrices")


@command(
    "copy-matrix",
    usage="""Copy matrices, or archives of matrices (e.g. features or transforms)
Also see copy-feats which has other format options

Usage: copy-matrix [options] <matrix-in-rspecifier> <matrix-out-wspecifier>
  or: copy-matrix [options] <matrix-in-rxfilename> <matrix-out-wxfilename>
 e.g.: copy-matrix --binary=false 1.mat -
   copy-matrix ark:2.trans ark,t:-
See also: copy-feats""",
    options=CopyMatrixOptions,
    min_args=2,
    max_args=2,
)
def copy_matrix(options, matrices_in: str, matrices_out: str):
    if options.apply_log + options.apply_exp + options.apply_softmax_per_row > 1:
        raise KaldiError(
            "copy-matrix: only one of --apply-log, --apply-exp and --apply-softmax-per-row"
            " can be given."
        )
    return _copy(options, matrices_in, matrices_out, FLOAT_MATRIX, _change_matrix, "matrix")


def _change_matrix(options, x_TD):
    import numpy as np  # start-up time

    x_TD = x_TD * np.float32(options.scale)
    with np.errstate(over="ignore", invalid="ignore"):
        if options.apply_log:
            x_TD = np.log(np.maximum(x_TD, np.float32(1e-20)))
        if options.apply_exp:
            x_TD = np.exp(x_TD)
        if options.apply_softmax_per_row and x_TD.size:
            x_TD = np.exp(x_TD - x_TD.max(axis=1, keepdims=True))
            x_TD /= x_TD.sum(axis=1, keepdims=True)
        if options.apply_power != 1.0:
            was_nan = np.isnan(x_TD)
            x_TD = np.power(x_TD, np.float32(options.apply_power))
            if (np.isnan(x_TD) & ~was_nan).any():
                warn(f"a negative number has no power {options.apply_power:g}: nan is written")
    return x_TD


def _copy(options, source, target, holder, change, noun):
    """copy-vector and copy-matrix: a table to a table, or a file to a file."""
    singular, plural = ("vector", "vectors") if noun == "vector" else ("matrix", "matrices")
    if is_rspecifier(source) != is_wspecifier(target):
        raise KaldiError(
            f"cannot mix archives with regular files (copying {plural}): {source} and {target}."
        )
    if not is_rspecifier(source):
        value = change(options, read_object(source, holder))
        write_object(target, holder, value, options.binary)
        log(f"Copied {singular} to {target}")
        return 0
    tally = Tally()
    with SequentialReader(source, holder) as reader, TableWriter(target, holder) as writer:
        for key, value in reader:
            writer.write(key, change(options, value))
            tally.done()
    log(f"Copied {tally.num_done} {plural}.")
    return tally.exit_code()
