"""add-deltas, add-deltas-sdc: time derivatives beside the features (src/featbin/add-deltas*.cc).

Shapes: T frames, D features.
"""

import dataclasses

from steps_py.errors import KaldiError
from steps_py.formats.holders import FLOAT_MATRIX
from steps_py.formats.log import Tally
from steps_py.formats.options import option
from steps_py.formats.tables import SequentialReader, TableWriter
from steps_py.kaldi.commands import command


@dataclasses.dataclass
class AddDeltasOptions:
    delta_order: int = option(2, "Order of delta computation")
    delta_window: int = option(
        2,
        "Parameter controlling window for delta computation (actual window size for each delta"
        " order is 1 + 2*delta-window-size)",
    )
    truncate: int = option(0, "If nonzero, first truncate features to this dimension.")


@command(
    "add-deltas",
    usage="""Add deltas (typically to raw mfcc or plp features
Usage: add-deltas [options] in-rspecifier out-wspecifier""",
    options=AddDeltasOptions,
    min_args=2,
    max_args=2,
)
def add_deltas(options, feats_in: str, feats_out: str) -> int:
    from steps_py.feats import deltas  # start-up time

    config = deltas.DeltaConfig(order=options.delta_order, window_frames=options.delta_window)
    tally = Tally()
    with (
        SequentialReader(feats_in, FLOAT_MATRIX) as reader,
        TableWriter(feats_out, FLOAT_MATRIX) as writer,
    ):
        for utt, feats_TD in reader:
            if len(feats_TD) == 0:
                tally.lost(utt, "empty feature matrix")
                continue
            kept_TD = _truncated(utt, feats_TD, options.truncate)
            writer.write(utt, deltas.add_deltas(kept_TD, config))
            tally.done()
    return tally.exit_code(none_done=0)


@dataclasses.dataclass
class ShiftedDeltasOptions:
    delta_window: int = option(1, "Size of delta advance and delay.")
    num_blocks: int = option(
        7, "Number of delta blocks in advance of each frame to be concatenated"
    )
    block_shift: int = option(3, "Distance between each block")
    truncate: int = option(0, "If nonzero, first truncate features to this dimension.")


@command(
    "add-deltas-sdc",
    usage="""Add shifted delta cepstra (typically to raw mfcc or plp features
Usage: add-deltas-sdc [options] in-rspecifier out-wspecifier""",
    options=ShiftedDeltasOptions,
    min_args=2,
    max_args=2,
)
def add_deltas_sdc(options, feats_in: str, feats_out: str) -> int:
    from steps_py.feats.shifted_deltas import add_shifted_deltas  # start-up time

    if not 0 < options.delta_window < 1000 or options.num_blocks < 0:
        raise KaldiError("--delta-window must be 1 to 999, --num-blocks at least 0.")
    tally = Tally()
    with (
        SequentialReader(feats_in, FLOAT_MATRIX) as reader,
        TableWriter(feats_out, FLOAT_MATRIX) as writer,
    ):
        for utt, feats_TD in reader:
            if len(feats_TD) == 0:
                tally.lost(utt, "empty feature matrix")
                continue
            kept_TD = _truncated(utt, feats_TD, options.truncate)
            writer.write(
                utt,
                add_shifted_deltas(
                    kept_TD, options.delta_window, options.num_blocks, options.block_shift
                ),
            )
            tally.done()
    return tally.exit_code(none_done=0)


def _truncated(utt, feats_TD, dim):
    """The first `dim` features; all if it is 0."""
    if dim > feats_TD.shape[1]:
        raise KaldiError(
            f"{utt}: cannot truncate {feats_TD.shape[1]} features to {dim}. Lower --truncate."
        )
    return feats_TD[:, :dim] if dim else feats_TD
