"""add-deltas: time derivatives beside the features (src/featbin/add-deltas.cc).

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
            if options.truncate > feats_TD.shape[1]:
                raise KaldiError(
                    f"{utt}: cannot truncate {feats_TD.shape[1]} features to {options.truncate}."
                    " Lower --truncate."
                )
            kept_TD = feats_TD[:, : options.truncate] if options.truncate else feats_TD
            writer.write(utt, deltas.add_deltas(kept_TD, config))
            tally.done()
    return tally.exit_code(none_done=0)
