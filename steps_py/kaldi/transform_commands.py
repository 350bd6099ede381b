"""transform-feats: linear and affine transforms; modify-cmvn-stats: statistics without effect.

Sources: src/featbin/transform-feats.cc, src/featbin/modify-cmvn-stats.cc.

Shape suffixes (scope: this module):
    T = frames   D = dimension   L = dimension after the transform   E = D, or D + 1 if affine
"""

import contextlib
import dataclasses

from steps_py.errors import KaldiError
from steps_py.formats.holders import DOUBLE_MATRIX, FLOAT_MATRIX, TOKEN
from steps_py.formats.log import Tally, log, warn
from steps_py.formats.options import option
from steps_py.formats.specifiers import is_rspecifier
from steps_py.formats.tables import RandomReader, SequentialReader, TableWriter, read_object
from steps_py.kaldi.commands import command


@dataclasses.dataclass
class TransformOptions:
    utt2spk: str = option("", "rspecifier for utterance to speaker map")


@command(
    "transform-feats",
    usage="""Apply transform (e.g. LDA; HLDA; fMLLR/CMLLR; MLLT/STC)
Linear transform if transform-num-cols == feature-dim, affine if
transform-num-cols == feature-dim+1 (->append 1.0 to features)
Per-utterance by default, or per-speaker if utt2spk option provided
Global if transform-rxfilename provided.
Usage: transform-feats [options] (<transform-rspecifier>|<transform-rxfilename>) """
    """<feats-rspecifier> <feats-wspecifier>
See also: transform-vec, copy-feats""",
    options=TransformOptions,
    min_args=3,
    max_args=3,
)
def transform_feats(options, transform_in: str, feats_in: str, feats_out: str) -> int:
    tally = Tally()
    with contextlib.ExitStack() as stack:
        transform_of = _transforms(transform_in, options.utt2spk, stack)
        reader = stack.enter_context(SequentialReader(feats_in, FLOAT_MATRIX))
        writer = stack.enter_context(TableWriter(feats_out, FLOAT_MATRIX))
        for utt, x_TD in reader:
            transform_LE = transform_of(utt)
            if transform_LE is None:
                tally.lost(utt, "no transform available, producing no output")
                continue
            dim, (num_rows, num_cols) = x_TD.shape[1], transform_LE.shape
            if num_cols not in (dim, dim + 1):
                tally.lost(
                    utt, f"transform of bad dimension {num_rows}x{num_cols} versus {dim} features"
                )
                continue
            y_TL = x_TD @ transform_LE[:, :dim].T
            if num_cols == dim + 1:
                y_TL += transform_LE[:, dim]
            writer.write(utt, y_TL)
            tally.done()
    log(f"Applied transform to {tally.num_done} utterances; {tally.num_lost} had errors.")
    return tally.exit_code()


def _transforms(transform_in, utt2spk, stack):
    """A function of the utterance: its transform (L, E), or None."""
    if not is_rspecifier(transform_in):
        transform_LE = read_object(transform_in, FLOAT_MATRIX)
        return lambda utt: transform_LE
    table = stack.enter_context(RandomReader(transform_in, FLOAT_MATRIX))
    speakers = stack.enter_context(RandomReader(utt2spk, TOKEN)) if utt2spk else None

    def of(utt):
        if speakers is not None and utt not in speakers:
            return None
        key = utt if speakers is None else speakers[utt]
        if key not in table:
            return None
        return table[key]

    return of


@dataclasses.dataclass
class ModifyOptions:
    convert_to_mean_and_var: bool = option(
        False,
        "If true, convert the stats to a matrix containing the mean and the centered variance in"
        " each dimension",
    )


@command(
    "modify-cmvn-stats",
    usage="""Copy cepstral mean/variance stats so that some dimensions have 'fake' stats
that will skip normalization
Usage: modify-cmvn-stats [options] [<fake-dims>] <in-rspecifier> <out-wspecifier>
e.g.: modify-cmvn-stats 13:14:15 ark:- ark:-
or: modify-cmvn-stats --convert-to-mean-and-var=true ark:- ark:-
See also: compute-cmvn-stats""",
    options=ModifyOptions,
    min_args=2,
    max_args=3,
)
def modify_cmvn_stats(options, *arguments: str) -> int:
    import numpy as np  # start-up time

    *fake, stats_in, stats_out = arguments
    fake_dims = _dims(fake[0]) if fake else []
    tally = Tally()
    with (
        SequentialReader(stats_in, DOUBLE_MATRIX) as reader,
        TableWriter(stats_out, DOUBLE_MATRIX) as writer,
    ):
        for key, stats in reader:
            if stats.shape[0] != 2 or stats.shape[1] < 2:
                raise KaldiError(f"{key}: {stats.shape[0]} rows; CMVN statistics have two.")
            count = stats[0, -1]
            if fake_dims and max(fake_dims) >= stats.shape[1] - 1:
                raise KaldiError(
                    f"{key}: dimension {max(fake_dims)}, but there are {stats.shape[1] - 1}."
                )
            stats[0, fake_dims], stats[1, fake_dims] = 0.0, count
            if options.convert_to_mean_and_var:
                if count <= 0:
                    warn(f"{key}: zero or negative count, not outputting mean and variance")
                    continue
                mean_D = stats[0, :-1] / count
                stats = np.stack([mean_D, stats[1, :-1] / count - mean_D**2])
            writer.write(key, stats)
            tally.done()
    log(f"Modified {tally.num_done} sets of stats.")
    return tally.exit_code()


def _dims(text):
    words = text.split(":") if text else []
    if not all(word.isdecimal() for word in words):
        raise KaldiError(f"'{text}': not a list of dimensions. Write them as 13:14:15.")
    return [int(word) for word in words]
