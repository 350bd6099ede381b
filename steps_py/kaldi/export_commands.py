"""Features as files of HTK and CMU Sphinx, one of each utterance.

Sources: src/featbin/copy-feats-to-{htk,sphinx}.cc, WriteHtk and WriteSphinx in
src/matrix/kaldi-matrix.cc.

Shapes: T frames, D features.
"""

import dataclasses
import struct
from pathlib import Path

from steps_py.errors import KaldiError
from steps_py.files import atomic_write
from steps_py.formats.holders import FLOAT_MATRIX
from steps_py.formats.log import Tally, log
from steps_py.formats.options import option
from steps_py.formats.tables import SequentialReader
from steps_py.kaldi.commands import command


@dataclasses.dataclass
class HtkOptions:
    output_ext: str = option("fea", "Output ext of HTK files")
    output_dir: str = option("./", "Output directory")
    sample_period: int = option(100000, "HTK sampPeriod - sample period in 100ns units")
    sample_kind: int = option(
        9,
        "HTK parmKind - a code indicating the sample kind (e.g., 6=MFCC, 7=FBANK, 9=USER, 11=PLP)",
    )


@command(
    "copy-feats-to-htk",
    usage="""Save features as HTK files:
Each utterance will be stored as a unique HTK file in a specified directory.
The HTK filename will correspond to the utterance-id (key) in the input table, """
    """with the specified extension.
Usage: copy-feats-to-htk [options] in-rspecifier
Example: copy-feats-to-htk --output-dir=/tmp/HTK-features --output-ext=fea  scp:feats.scp""",
    options=HtkOptions,
    min_args=1,
    max_args=1,
)
def copy_feats_to_htk(options, feats_in: str) -> int:
    def encode(x_TD):
        head = struct.pack(
            ">iihh", len(x_TD), options.sample_period, 4 * x_TD.shape[1], options.sample_kind
        )
        return head + x_TD.astype(">f4").tobytes()

    return _export(feats_in, options.output_dir, options.output_ext, encode, "HTK")


@dataclasses.dataclass
class SphinxOptions:
    output_ext: str = option("mfc", "Output extension of sphinx files")
    output_dir: str = option("./", "Output directory")


@command(
    "copy-feats-to-sphinx",
    usage="""Save features as Sphinx files:
Each utterance will be stored as a unique Sphinx file in a specified directory.
The Sphinx filename will correspond to the utterance-id (key) in the input table, """
    """with the specified extension.
Usage: copy-feats-to-sphinx [options] in-rspecifier
Example: copy-feats-to-sphinx --output-dir=/tmp/sphinx-features --output-ext=fea  scp:feats.scp""",
    options=SphinxOptions,
    min_args=1,
    max_args=1,
)
def copy_feats_to_sphinx(options, feats_in: str) -> int:
    def encode(x_TD):
        return struct.pack("<i", x_TD.size) + x_TD.astype("<f4").tobytes()

    return _export(feats_in, options.output_dir, options.output_ext, encode, "Sphinx")


def _export(feats_in, folder, extension, encode, kind):
    """Write ``folder/utterance.extension`` of each utterance."""
    tally = Tally()
    try:
        Path(folder).mkdir(exist_ok=True)
    except OSError as error:
        raise KaldiError(f"{folder}: cannot make the folder: {error.strerror}.") from None
    with SequentialReader(feats_in, FLOAT_MATRIX) as reader:
        for utt, x_TD in reader:
            try:
                with atomic_write(Path(folder, f"{utt}.{extension}"), "wb") as out:
                    out.write(encode(x_TD))
            except struct.error:
                raise KaldiError(
                    f"{utt}: {x_TD.shape[1]} dimensions, period or kind do not fit into the file"
                    f" header of {kind}."
                ) from None
            tally.done()
    log(f"{tally.num_done} {kind} feature files generated in the directory: {folder}")
    return tally.exit_code()
