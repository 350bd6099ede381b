"""Commands that choose, repeat, cut and join frames: subsample-feats, paste-feats ...

Sources: src/featbin/{subsample,splice,paste}-feats.cc, src/featbin/extract-feature-segments.cc.

Shape suffixes (scope: this module):
    T = frames   D = feature dimension
"""

import contextlib
import dataclasses
import math

from steps_py.errors import KaldiError
from steps_py.formats.holders import FLOAT_MATRIX
from steps_py.formats.log import Tally, log
from steps_py.formats.options import option
from steps_py.formats.specifiers import is_rspecifier
from steps_py.formats.streams import open_input
from steps_py.formats.tables import (
    RandomReader,
    SequentialReader,
    TableWriter,
    read_object,
    write_object,
)
from steps_py.kaldi.commands import command


@dataclasses.dataclass
class SubsampleFeatsOptions:
    n: int = option(1, "Take every n'th feature (with negative value, repeats each n times)")
    offset: int = option(0, "Start with the feature with this offset, then take every n'th")


@command(
    "subsample-feats",
    usage="""Sub-samples features by taking every n'th frame.
With negative values of n, will repeat each frame n times
(e.g. --n=-2 will repeat each frame twice)

Usage: subsample-feats [options] <in-rspecifier> <out-wspecifier>
  e.g. subsample-feats --n=2 ark:- ark:-""",
    options=SubsampleFeatsOptions,
    min_args=2,
    max_args=2,
)
def subsample_feats(options, feats_in: str, feats_out: str) -> int:
    n, offset = options.n, options.offset
    if n == 0 or (n > 0 and offset < 0):
        raise KaldiError(
            f"subsample-feats: --n={n} --offset={offset}: n must not be 0, nor offset negative."
            " Frames are taken from 0 on."
        )
    tally = Tally()
    num_in = num_out = 0
    with (
        SequentialReader(feats_in, FLOAT_MATRIX) as reader,
        TableWriter(feats_out, FLOAT_MATRIX) as writer,
    ):
        for utt, x_TD in reader:
            chosen_TD = x_TD[offset::n] if n > 0 else x_TD.repeat(-n, axis=0)
            num_in += len(x_TD)
            num_out += len(chosen_TD)
            if n > 0 and len(chosen_TD) == 0:
                tally.lost(utt, "output would have no rows, producing no output")
                continue
            writer.write(utt, chosen_TD)
            tally.done()
    log(f"Processed {tally.num_done} feature matrices; {tally.num_lost} with errors.")
    log(f"Processed {num_in} input frames and {num_out} output frames.")
    return tally.exit_code()


@dataclasses.dataclass
class SpliceFeatsOptions:
    left_context: int = option(4, "Number of frames of left context")
    right_context: int = option(4, "Number of frames of right context")


@command(
    "splice-feats",
    usage="""Splice features with left and right context (e.g. prior to LDA)
Usage: splice-feats [options] <feature-rspecifier> <feature-wspecifier>
e.g.: splice-feats scp:feats.scp ark:-""",
    options=SpliceFeatsOptions,
    min_args=2,
    max_args=2,
)
def splice_feats(options, feats_in: str, feats_out: str) -> int:
    import numpy as np  # start-up time

    left, right = options.left_context, options.right_context
    if left < 0 or right < 0:
        raise KaldiError("splice-feats: --left-context and --right-context must not be negative.")
    with (
        SequentialReader(feats_in, FLOAT_MATRIX) as reader,
        TableWriter(feats_out, FLOAT_MATRIX) as writer,
    ):
        for utt, x_TD in reader:
            if x_TD.size == 0:
                raise KaldiError(f"splice-feats: {utt} has no frames. Leave it out of {feats_in}.")
            at = np.arange(len(x_TD))[:, np.newaxis] + np.arange(-left, right + 1)
            writer.write(utt, x_TD[at.clip(0, len(x_TD) - 1)].reshape(len(x_TD), -1))
    return 0


@dataclasses.dataclass
class PasteFeatsOptions:
    length_tolerance: int = option(0, "Trim to the shortest if lengths differ by up to this")
    binary: bool = option(True, "If true, output files in binary (only relevant for single files)")


@command(
    "paste-feats",
    usage="""Paste feature files (assuming they have about the same durations,
see --length-tolerance), appending the features on each frame;
think of the unix command 'paste'.
Usage: paste-feats <in-rspecifier1> <in-rspecifier2> [<in-rspecifier3> ...] <out-wspecifier>
 or: paste-feats <in-rxfilename1> <in-rxfilename2> [<in-rxfilename3> ...] <out-wxfilename>
 e.g. paste-feats ark:feats1.ark scp:feats2.scp ark:feats-out.ark
See also: copy-feats, copy-matrix""",
    options=PasteFeatsOptions,
    min_args=3,
    max_args=None,
)
def paste_feats(options, first_in: str, *others):
    *others_in, feats_out = others
    if not is_rspecifier(first_in):
        return _paste_files(options, [first_in, *others_in], feats_out)
    tally = Tally()
    with contextlib.ExitStack() as stack:
        reader = stack.enter_context(SequentialReader(first_in, FLOAT_MATRIX))
        tables = {name: stack.enter_context(RandomReader(name, FLOAT_MATRIX)) for name in others_in}
        writer = stack.enter_context(TableWriter(feats_out, FLOAT_MATRIX))
        for utt, x_TD in reader:
            lacking = [name for name, table in tables.items() if utt not in table]
            if lacking:
                tally.lost(utt, f"missing from input {lacking[0]}")
                continue
            parts = [x_TD, *(tables[name][utt] for name in others_in)]
            pasted_TD = _paste(parts, options.length_tolerance, utt, tally)
            if pasted_TD is not None:
                writer.write(utt, pasted_TD)
                tally.done()
    log(f"Done {tally.num_done} utts, errors on {tally.num_lost}")
    return tally.exit_code(none_done=255)


def _paste_files(options, names, feats_out):
    parts = [read_object(name, FLOAT_MATRIX) for name in names]
    pasted_TD = _paste(parts, options.length_tolerance, names[0], Tally())
    if pasted_TD is None:
        return 1
    write_object(feats_out, FLOAT_MATRIX, pasted_TD, options.binary)
    log(f"Wrote appended features to {feats_out}")
    return 0


def _paste(parts, tolerance, utt, tally):
    """The matrices side by side, cut to the shortest; None, and a loss, if too different."""
    import numpy as np  # start-up time

    lengths = [len(part) for part in parts]
    shortest, longest = min(lengths), max(lengths)
    if longest - shortest > tolerance or shortest == 0:
        tally.lost(utt, f"length mismatch {longest} vs. {shortest} exceeds tolerance {tolerance}")
        return None
    return np.concatenate([part[:shortest] for part in parts], axis=1)


@dataclasses.dataclass
class FeatureSegmentsOptions:
    min_segment_length: float = option(
        0.1, "Minimum segment length in seconds (reject shorter segments)"
    )
    frame_length: int = option(25, "Frame length in milliseconds")
    frame_shift: int = option(10, "Frame shift in milliseconds")
    max_overshoot: float = option(
        0.0, "End segments overshooting by less (in seconds) are truncated, else rejected"
    )
    snip_edges: bool = option(
        True,
        "If true, ceil((frame_length - frame_shift) / frame_shift) frames are snipped from the"
        " end of each segment, so that it has as many as if computed from segmented audio",
    )


@command(
    "extract-feature-segments",
    usage="""Create feature files by segmenting input files.
Note: ranges in scp files, such as feats.ark:123[20:119], do this too.
Usage:  extract-feature-segments [options...] <feats-rspecifier>  <segments-file> <feats-wspecifier>
 (segments-file has lines like: output-utterance-id input-utterance-or-spk-id 1.10 2.36)""",
    options=FeatureSegmentsOptions,
    min_args=3,
    max_args=3,
)
def extract_feature_segments(options, feats_in: str, segments_in: str, feats_out: str) -> int:
    if options.frame_shift <= 0:
        raise KaldiError(f"extract-feature-segments: --frame-shift={options.frame_shift} ms.")
    tally = Tally()
    with (
        RandomReader(feats_in, FLOAT_MATRIX) as table,
        open_input(segments_in) as segments,
        TableWriter(feats_out, FLOAT_MATRIX) as writer,
    ):
        while (line := segments.line()) is not None:
            words = line.decode(errors="surrogateescape").split()
            times = _segment_times(words)
            if times is None:
                tally.lost(" ".join(words)[:60], "invalid line in segments file")
            elif words[1] not in table:
                tally.lost(words[0], f"did not find features for utterance {words[1]}")
            else:
                segment_TD = _cut(options, words[0], table[words[1]], times, tally)
                if segment_TD is not None:
                    writer.write(words[0], segment_TD)
                    tally.done()
    log(
        f"Successfully processed {tally.num_done} lines out of {tally.num_seen}"
        " in the segments file."
    )
    return tally.exit_code(none_done=255)


def _segment_times(words):
    """(start, end) in seconds of a line of a segments file; None if it is no such line."""
    if len(words) not in (4, 5) or (len(words) == 5 and not words[4].isdecimal()):
        return None
    try:
        start, end = float(words[2]), float(words[3])
    except ValueError:
        return None
    return (start, end) if 0 <= start < end < math.inf else None


def _cut(options, segment, x_TD, times, tally):
    """The segment's frames; None, and a word to `tally`, if they are too few or not there."""

    def frames(seconds):
        return math.floor(seconds * 1000.0 / options.frame_shift + 0.5)

    first, end = frames(times[0]), frames(times[1])
    if options.snip_edges:
        end -= math.ceil((options.frame_length - options.frame_shift) / options.frame_shift)
    if first >= len(x_TD):
        tally.lost(segment, f"starts at frame {first} of {len(x_TD)}")
        return None
    if end > len(x_TD):
        if end >= len(x_TD) + frames(options.max_overshoot):
            tally.lost(segment, f"ends at frame {end} of {len(x_TD)}, see --max-overshoot")
            return None
        end = len(x_TD)
    if end <= first + frames(options.min_segment_length):
        tally.dropped(segment, f"too short: {end - first} frames")
        return None
    return x_TD[first:end]
