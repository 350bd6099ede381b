"""Rows, columns and utterances of features: select-feats, shift-feats, subset-feats, concat-feats.

Sources: src/featbin.

Shape suffixes (scope: this module):
    T = frames   D = dimension
"""

import dataclasses
import itertools
import re

from steps_py.errors import KaldiError
from steps_py.formats.holders import FLOAT_MATRIX
from steps_py.formats.log import Tally, log, warn
from steps_py.formats.options import option
from steps_py.formats.specifiers import is_rspecifier
from steps_py.formats.streams import open_input
from steps_py.formats.tables import SequentialReader, TableWriter, read_object, write_object
from steps_py.kaldi.commands import command

_DEFAULT_NUM_SUBSET = 10


@command(
    "select-feats",
    usage="""Select certain dimensions of the feature file;  think of it as the unix
command cut -f ...
Usage: select-feats <selection> <in-rspecifier> <out-wspecifier>
  e.g. select-feats 0,24-22,3-12 scp:feats.scp ark,scp:feat-red.ark,feat-red.scp
See also copy-feats, extract-feature-segments, subset-feats, subsample-feats""",
    min_args=3,
    max_args=3,
)
def select_feats(_options, selection: str, feats_in: str, feats_out: str) -> int:
    with SequentialReader(feats_in, FLOAT_MATRIX) as reader:
        entries = iter(reader)
        first = next(entries, None)
        if first is None:
            warn("Empty archive provided.")
            return 0
        columns = selected_columns(selection, first[1].shape[1])
        with TableWriter(feats_out, FLOAT_MATRIX) as writer:
            for key, x_TD in itertools.chain([first], entries):
                if len(x_TD) and x_TD.shape[1] <= max(columns):
                    raise KaldiError(
                        f"{key}: {x_TD.shape[1]} dimensions, but column {max(columns)} is selected."
                    )
                writer.write(key, x_TD[:, columns] if len(x_TD) else x_TD)
    return 0


def selected_columns(selection: str, dim: int) -> list[int]:
    """The columns of a list of numbers and ranges, which may go backwards.

    >>> selected_columns("0,4-2,7", 8)
    [0, 4, 3, 2, 7]
    """
    columns = []
    for part in selection.split(","):
        match = re.fullmatch(r"\s*(\d{1,9})(?:-(\d{1,9}))?\s*", part)
        if not match:
            raise KaldiError(f"'{part}' in '{selection}': write numbers and ranges, as 0,4-2,7.")
        first, last = int(match[1]), int(match[2] or match[1])
        if max(first, last) >= dim:
            raise KaldiError(
                f"'{part}' in '{selection}': the features have {dim} dimensions, from 0 on."
            )
        step = 1 if first <= last else -1
        columns += range(first, last + step, step)
    return columns


@dataclasses.dataclass
class ShiftOptions:
    shift: int = option(0, "Number of frames by which to shift the features.")
    binary: bool = option(True, "Binary-mode output (not relevant if writing to archive)")


@command(
    "shift-feats",
    usage="""Copy features, and possibly shift them while maintaining the num-frames.
Usage: shift-feats [options] <feature-rspecifier> <feature-wspecifier>
or:  shift-feats [options] <feats-rxfilename> <feats-wxfilename>
e.g.: shift-feats --shift=-1 foo.scp bar.ark
or: shift-feats --shift=1 foo.mat bar.mat
See also: copy-feats, copy-matrix, select-feats, subset-feats,
subsample-feats, splice-feats, paste-feats, concat-feats, extract-feature-segments""",
    options=ShiftOptions,
    min_args=2,
    max_args=2,
)
def shift_feats(options, feats_in: str, feats_out: str) -> int:
    if not is_rspecifier(feats_in):
        x_TD = read_object(feats_in, FLOAT_MATRIX)
        if not len(x_TD):
            raise KaldiError(f"{feats_in}: empty matrix.")
        write_object(feats_out, FLOAT_MATRIX, shifted(x_TD, options.shift), options.binary)
        return 0
    tally = Tally()
    with (
        SequentialReader(feats_in, FLOAT_MATRIX) as reader,
        TableWriter(feats_out, FLOAT_MATRIX) as writer,
    ):
        for key, x_TD in reader:
            if not len(x_TD):
                tally.lost(key, "empty matrix")
                continue
            writer.write(key, shifted(x_TD, options.shift))
            tally.done()
    log(
        f"Shifted {tally.num_done} features by {options.shift} frames; {tally.num_lost} with"
        " errors."
    )
    return tally.exit_code()


def shifted(x_TD, shift: int):
    """Frames later by `shift`; the first or last is repeated.

    >>> import numpy as np
    >>> shifted(np.array([[1], [2], [3]]), 1).ravel().tolist()
    [1, 1, 2]
    """
    import numpy as np  # start-up time

    return x_TD[np.clip(np.arange(len(x_TD)) - shift, 0, len(x_TD) - 1)]


@dataclasses.dataclass
class SubsetOptions:
    n: int = option(_DEFAULT_NUM_SUBSET, "If nonnegative, copy the first n feature files.")
    include: str = option(
        "",
        "Text file, the first field of each line being interpreted as an utterance-id whose"
        " features will be included",
    )
    exclude: str = option(
        "",
        "Text file, the first field of each line being interpreted as an utterance-id whose"
        " features will be excluded",
    )


@command(
    "subset-feats",
    usage="""Copy a subset of features (by default, the first n feature files)
Usually used where only a small amount of data is needed
Note: if you want a specific subset, it's usually best to
filter the original .scp file with utils/filter_scp.pl
(possibly with the --exclude option).  The --include and --exclude
options of this program are intended for specialized uses.
The --include and --exclude options are mutually exclusive,
and both cause the --n option to be ignored.
Usage: subset-feats [options] <in-rspecifier> <out-wspecifier>
e.g.: subset-feats --n=10 ark:- ark:-
or:  subset-feats --include=include_uttlist ark:- ark:-
or:  subset-feats --exclude=exclude_uttlist ark:- ark:-
See also extract-feature-segments, select-feats, subsample-feats""",
    options=SubsetOptions,
    min_args=2,
    max_args=2,
)
def subset_feats(options, feats_in: str, feats_out: str) -> int:
    by_list = options.include or options.exclude
    if options.include and options.exclude:
        raise KaldiError("--include and --exclude exclude each other. Give one.")
    if by_list and options.n != _DEFAULT_NUM_SUBSET:
        raise KaldiError("--n is given beside --include or --exclude. Remove one of them.")
    if options.n <= 0:
        raise KaldiError(f"--n={options.n}: must be at least 1.")
    listed = _first_words(by_list) if by_list else None
    num_read = num_written = 0
    with (
        SequentialReader(feats_in, FLOAT_MATRIX) as reader,
        TableWriter(feats_out, FLOAT_MATRIX) as writer,
    ):
        for key, x_TD in reader:
            num_read += 1
            if listed is None or (key in listed) == bool(options.include):
                writer.write(key, x_TD)
                num_written += 1
            if listed is None and num_written == options.n:
                break
    if listed is None:
        return 0
    log(f" Wrote {num_written} out of {num_read} utterances.")
    return 0 if num_written else 1


def _first_words(path):
    words, number = set(), 0
    with open_input(path) as stream:
        while (line := stream.line()) is not None:
            number += 1
            parts = line.decode(errors="surrogateescape").split()
            if not parts:
                raise KaldiError(f"{path}:{number}: empty line. Write an utterance on each.")
            words.add(parts[0])
    return words


@dataclasses.dataclass
class ConcatOptions:
    binary: bool = option(
        True,
        "If true, output files in binary (only relevant for single-file operation, i.e. no tables)",
    )


@command(
    "concat-feats",
    usage="""Concatenate feature files (assuming they have the same dimensions),
so the output file has the sum of the num-frames of the inputs.
Usage: concat-feats <in-rxfilename1> <in-rxfilename2> [<in-rxfilename3> ...] <out-wxfilename>
 e.g. concat-feats mfcc/foo.ark:12343 mfcc/foo.ark:56789 -
See also: copy-feats, append-vector-to-feats, paste-feats""",
    options=ConcatOptions,
    min_args=3,
    max_args=None,
)
def concat_feats(options, *arguments: str) -> int:
    import numpy as np  # start-up time

    *feats_in, feats_out = arguments
    parts = [read_object(name, FLOAT_MATRIX) for name in feats_in]
    for name, x_TD in zip(feats_in, parts, strict=True):
        if x_TD.shape[1] != parts[0].shape[1]:
            raise KaldiError(
                f"{name}: {x_TD.shape[1]} dimensions, {feats_in[0]} has {parts[0].shape[1]}."
            )
    write_object(feats_out, FLOAT_MATRIX, np.concatenate(parts), options.binary)
    return 0
