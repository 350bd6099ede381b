"""Voice activity detection and what is done with it: compute-vad, select-voiced-frames.

Sources: src/ivectorbin/{compute-vad,select-voiced-frames}.cc.

Shape suffixes (scope: this module):
    T = frames   D = feature dimension
"""

from steps_py.errors import KaldiError
from steps_py.feats.vad_options import VadOptions
from steps_py.formats.holders import FLOAT_MATRIX, FLOAT_VECTOR
from steps_py.formats.log import Tally, log, warn
from steps_py.formats.memory import keep_freed_memory
from steps_py.formats.tables import RandomReader, SequentialReader, TableWriter
from steps_py.kaldi.commands import command


@command(
    "compute-vad",
    usage="""This program reads input features and writes out, for each utterance,
a vector of floats that are 1.0 if we judge the frame voiced and 0.0
otherwise.  The algorithm is very simple and is based on thresholding
the log mel energy (and taking the consensus of threshold decisions
within a window centered on the current frame).  See the options for
more details; this program is intended for use in speaker-ID.

Usage: compute-vad [options] <feats-rspecifier> <vad-wspecifier>
e.g.: compute-vad scp:feats.scp ark:vad.ark""",
    options=VadOptions,
    min_args=2,
    max_args=2,
)
def compute_vad(options, feats_in: str, vad_out: str) -> int:
    from steps_py.feats import vad  # start-up time

    keep_freed_memory()
    config = options.config()
    tally = Tally()
    num_frames = num_voiced_frames = num_unvoiced = 0
    with (
        SequentialReader(feats_in, FLOAT_MATRIX) as reader,
        TableWriter(vad_out, FLOAT_VECTOR) as writer,
    ):
        for utt, x_TD in reader:
            if len(x_TD) == 0:
                tally.lost(utt, "empty feature matrix")
                continue
            voiced_T = vad.compute_vad(x_TD, config)
            num_voiced = int(voiced_T.sum())
            num_frames += len(voiced_T)
            num_voiced_frames += num_voiced
            if num_voiced == 0:
                warn(f"No frames were judged voiced for utterance {utt}")
                num_unvoiced += 1
            else:
                tally.done()
            if num_voiced or not options.omit_unvoiced_utts:
                writer.write(utt, voiced_T)
    log(
        f"Applied energy based voice activity detection; processed {tally.num_done} utterances"
        f" successfully; {tally.num_lost} had empty features, and {num_unvoiced} were completely"
        " unvoiced."
    )
    proportion = num_voiced_frames / num_frames if num_frames else float("nan")
    log(f"Proportion of voiced frames was {proportion:g} over {num_frames} frames.")
    return tally.exit_code()


@command(
    "select-voiced-frames",
    usage="""Select a subset of frames of the input files, based on the output of
compute-vad or a similar program (a vector of length num-frames,
containing 1.0 for voiced, 0.0 for unvoiced).  Caution: this is
mostly useful only in speaker identification applications.
Usage: select-voiced-frames [options] <feats-rspecifier>  <vad-rspecifier> <feats-wspecifier>
E.g.: select-voiced-frames [options] scp:feats.scp scp:vad.scp ark:-""",
    min_args=3,
    max_args=3,
)
def select_voiced_frames(options, feats_in: str, vad_in: str, feats_out: str) -> int:
    keep_freed_memory()
    tally = Tally()
    with (
        SequentialReader(feats_in, FLOAT_MATRIX) as reader,
        RandomReader(vad_in, FLOAT_VECTOR) as vad,
        TableWriter(feats_out, FLOAT_MATRIX) as writer,
    ):
        for utt, x_TD in reader:
            if len(x_TD) == 0:
                tally.lost(utt, "empty feature matrix")
            elif utt not in vad:
                tally.lost(utt, "no VAD input found")
            elif len(vad[utt]) != len(x_TD):
                tally.lost(
                    utt,
                    f"mismatch in number of frames: {len(x_TD)} for features and"
                    f" {len(vad[utt])} for VAD",
                )
            else:
                is_voiced_T = _as_decisions(vad[utt], utt)
                if is_voiced_T.any():
                    writer.write(utt, x_TD.compress(is_voiced_T, axis=0))
                    tally.done()
                else:
                    warn(f"No features were judged as voiced for utterance {utt}")
                    tally.dropped(utt, "no voiced frame")
    log(
        f"Done selecting voiced frames; processed {tally.num_done} utterances,"
        f" {tally.num_lost + tally.num_dropped} had errors."
    )
    return tally.exit_code()


def _as_decisions(voiced_T, utt):
    is_voiced_T = voiced_T == 1
    if (is_voiced_T != (voiced_T != 0)).any():
        raise KaldiError(
            f"select-voiced-frames: {utt}: VAD has values other than 0 and 1. Is it a table of"
            " compute-vad?"
        )
    return is_voiced_T
