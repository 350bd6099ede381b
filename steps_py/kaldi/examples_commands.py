"""nnet3-xvector-get-egs: examples for the training of x-vector networks in Kaldi.

Source: src/nnet3bin/nnet3-xvector-get-egs.cc.
"""

import collections
import contextlib
import dataclasses

from steps_py.errors import KaldiError
from steps_py.formats.holders import FLOAT_MATRIX
from steps_py.formats.log import Tally, log, strict, warn
from steps_py.formats.options import option
from steps_py.formats.streams import open_input
from steps_py.formats.tables import SequentialReader, TableWriter
from steps_py.kaldi.commands import command


@dataclasses.dataclass
class GetEgsOptions:
    compress: bool = option(True, "If true, write egs in compressed format.")
    num_pdfs: int = option(-1, "Number of speakers in the training list.")


@dataclasses.dataclass(frozen=True)
class _Chunk:
    """A line of the ranges: where a chunk is, its class, and which output it goes to."""

    name: str
    output: int
    start_frame: int
    num_frames: int
    label: int


@command(
    "nnet3-xvector-get-egs",
    usage="""Get examples for training an nnet3 neural network for the xvector
system.  Each output example contains a chunk of features from some
utterance along with a speaker label.  The location and length of
the feature chunks are specified in the 'ranges' file.  Each line
is interpreted as follows:
  <source-utterance> <relative-output-archive-index> """
    """<absolute-archive-index> <start-frame-index> <num-frames> <speaker-label>
where <relative-output-archive-index> is interpreted as a zero-based
index into the wspecifiers provided on the command line (<egs-0-out>
and so on), and <absolute-archive-index> is ignored by this program.
For example:
  utt1  3  13  65  300  3
  utt1  0  10  50  400  3
  utt2  ...

Usage:  nnet3-xvector-get-egs [options] <ranges-filename> """
    """<features-rspecifier> <egs-0-out> <egs-1-out> ... <egs-N-1-out>

For example:
nnet3-xvector-get-egs ranges.1 "$feats" ark:egs_temp.1.ark  ark:egs_temp.2.ark""",
    options=GetEgsOptions,
    min_args=3,
    max_args=None,
)
def nnet3_xvector_get_egs(options, ranges_in: str, feats_in: str, *egs_out: str) -> int:
    from steps_py.nnet3.examples import EXAMPLE  # start-up time

    chunks, tally, num_examples = _read_ranges(ranges_in, len(egs_out)), Tally(), 0
    with contextlib.ExitStack() as stack:
        writers = [stack.enter_context(TableWriter(name, EXAMPLE)) for name in egs_out]
        reader = stack.enter_context(SequentialReader(feats_in, FLOAT_MATRIX))
        for utt, feats_TD in reader:
            if utt not in chunks:
                tally.lost(utt, "no example, because it has no entry in the ranges")
                continue
            for chunk in chunks[utt]:
                num_examples += _write(options, writers, utt, feats_TD, chunk)
            tally.done()
    log(
        f"Finished generating examples, successfully processed {tally.num_done} feature files,"
        f" wrote {num_examples} examples; {tally.num_lost} files had errors."
    )
    if not num_examples or tally.num_lost > tally.num_done:
        return 1
    return tally.exit_code() if strict() else 0


def _read_ranges(ranges_in, num_outputs):
    """{utterance: its chunks, in the order of the file}"""
    chunks = collections.defaultdict(list)
    with open_input(ranges_in) as stream:
        number = 0
        while (line := stream.line()) is not None:
            number += 1
            words = line.decode(errors="surrogateescape").split()
            try:
                utt = words[0]
                output, _, start, length, label = map(int, words[1:])
            except (ValueError, IndexError):
                raise KaldiError(
                    f"{ranges_in}:{number}: expected an utterance and 5 integers, found"
                    f" '{' '.join(words)[:80]}'."
                ) from None
            if not 0 <= output < num_outputs:
                raise KaldiError(
                    f"{ranges_in}:{number}: output {output}, but the command line has"
                    f" {num_outputs}, counted from 0."
                )
            name = f"{utt}-{words[3]}-{words[4]}-{words[5]}"
            chunks[utt].append(_Chunk(name, output, start, length, label))
    return chunks


def _write(options, writers, utt, feats_TD, chunk):
    """Write the example of a chunk; how many were written, 0 if the utterance is too short."""
    from steps_py.nnet3.examples import Example  # start-up time

    if len(feats_TD) < chunk.num_frames:
        warn(
            f"Unable to create examples for utterance {utt}. Requested chunk size of"
            f" {chunk.num_frames} but utterance has only {len(feats_TD)} frames."
        )
        return 0
    start = min(chunk.start_frame, len(feats_TD) - chunk.num_frames)
    if start < 0 or chunk.num_frames < 1 or not 0 <= chunk.label < max(options.num_pdfs, 0):
        raise KaldiError(
            f"{chunk.name}: frames from {chunk.start_frame}, {chunk.num_frames} of them, of class"
            f" {chunk.label}, with --num-pdfs={options.num_pdfs}. Frames and classes count from 0."
        )
    part_TD = feats_TD[start : start + chunk.num_frames]
    example = Example(part_TD, chunk.label, options.num_pdfs, options.compress)
    writers[chunk.output].write(chunk.name, example)
    return 1
