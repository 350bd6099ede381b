"""Labels of frames: of the likeliest class, and two tables of labels merged.

Sources: src/ivectorbin/compute-vad-from-frame-likes.cc, src/ivectorbin/merge-vads.cc.

Shape suffixes (scope: this module):
    T = frames   C = classes
"""

import contextlib
import dataclasses

from steps_py.errors import KaldiError
from steps_py.formats.holders import FLOAT_VECTOR
from steps_py.formats.log import Tally, log
from steps_py.formats.options import option
from steps_py.formats.streams import open_input
from steps_py.formats.tables import RandomReader, SequentialReader, TableWriter
from steps_py.kaldi.commands import command


@dataclasses.dataclass
class FromLikesOptions:
    map: str = option(
        "",
        "Table that defines the frame-level labels.  For each row, the first field is the"
        " zero-based index of the input likelihood archive and the second field is the associated"
        " integer label.",
    )
    priors: str = option(
        "",
        "Comma-separated list that specifies the priors for each class.  The order of the floats"
        " corresponds to the index of the input archives.  E.g., --priors=0.5,0.2,0.3",
    )


@command(
    "compute-vad-from-frame-likes",
    usage="""This program computes frame-level voice activity decisions from a
set of input frame-level log-likelihoods.  Usually, these
log-likelihoods are the output of fgmm-global-get-frame-likes.
Frames are assigned labels according to the class for which the
log-likelihood (optionally weighted by a prior) is maximal.  The
class labels are determined by the order of inputs on the command
line.  See options for more details.

Usage: compute-vad-from-frame-likes [options] <likes-rspecifier-1>
    ... <likes-rspecifier-n> <vad-wspecifier>
e.g.: compute-vad-from-frame-likes --map=label_map.txt
    scp:likes1.scp scp:likes2.scp ark:vad.ark
See also: fgmm-global-get-frame-likes, compute-vad, merge-vads""",
    options=FromLikesOptions,
    min_args=3,
    max_args=None,
)
def compute_vad_from_frame_likes(options, first_in: str, *others: str) -> int:
    import numpy as np  # start-up time

    *others_in, labels_out = others
    num_classes = 1 + len(others_in)
    label_C = _labels(options.map, num_classes)
    log_prior_C = _log_priors(options.priors, num_classes)
    tally = Tally()
    with contextlib.ExitStack() as stack:
        reader = stack.enter_context(SequentialReader(first_in, FLOAT_VECTOR))
        tables = [stack.enter_context(RandomReader(name, FLOAT_VECTOR)) for name in others_in]
        writer = stack.enter_context(TableWriter(labels_out, FLOAT_VECTOR))
        for key, likes_T in reader:
            if not len(likes_T):
                tally.lost(key, "empty vector")
            elif any(key not in table for table in tables):
                tally.lost(key, "no vector of one of the classes")
            else:
                likes = [likes_T, *(table[key] for table in tables)]
                if any(len(other) != len(likes_T) for other in likes):
                    tally.lost(key, f"dimension mismatch: {', '.join(map(str, map(len, likes)))}")
                    continue
                best_T = np.argmax(np.stack(likes, axis=1) + log_prior_C, axis=1)
                writer.write(key, label_C[best_T])
                tally.done()
    log(
        "Applied frame-level likelihood-based voice activity detection; processed"
        f" {tally.num_done} utterances successfully; {tally.num_lost} had errors."
    )
    return tally.exit_code()


def _labels(map_in, num_classes):
    """The label of each class; of those that the map does not name, their number."""
    import numpy as np  # start-up time

    label_C = np.arange(num_classes, dtype=np.float32)
    for number, label in _rows(map_in, 2):
        if not 0 <= number < num_classes:
            raise KaldiError(f"{map_in}: class {number}, but there are {num_classes} from 0 on.")
        label_C[number] = label
    return label_C


def _log_priors(text, num_classes):
    import numpy as np  # start-up time

    if not text:
        return np.full(num_classes, -np.log(num_classes), np.float32)
    try:
        priors_C = np.array([float(word) for word in text.split(",")])
    except ValueError:
        raise KaldiError(f"--priors={text}: not a list of numbers with commas.") from None
    if len(priors_C) != num_classes or not (priors_C > 0).all():
        raise KaldiError(f"--priors={text}: {num_classes} positive numbers are needed.")
    return np.log(priors_C).astype(np.float32)


@dataclasses.dataclass
class MergeOptions:
    map: str = option(
        "",
        "This table specifies a mapping between the labels of the frame-level decisions in the"
        " first and second input archives to the integer output label.",
    )


@command(
    "merge-vads",
    usage="""This program merges two archives of per-frame weights representing
voice activity decisions.  By default, the program assumes that the
input vectors consist of floats that are 0.0 if a frame is judged
as nonspeech and 1.0 if it is considered speech.  The default
behavior produces a frame-level decision of 1.0 if both input frames
are 1.0, and 0.0 otherwise.  Additional classes (e.g., 2.0 for music)
can be handled using the "map" option.

Usage: merge-vads [options] <vad-rspecifier-1> <vad-rspecifier-2>
    <vad-wspecifier>
e.g.: merge-vads [options] scp:vad_energy.scp scp:vad_gmm.scp
    ark:vad.ark
See also: compute-vad-from-frame-likes, compute-vad, post-to-weights""",
    options=MergeOptions,
    min_args=3,
    max_args=3,
)
def merge_vads(options, first_in: str, second_in: str, labels_out: str) -> int:
    if options.map:
        label_of = {(a, b): label for a, b, label in _rows(options.map, 3)}
    else:
        label_of = {(a, b): a and b for a in (0, 1) for b in (0, 1)}
    tally = Tally()
    with (
        SequentialReader(first_in, FLOAT_VECTOR) as reader,
        RandomReader(second_in, FLOAT_VECTOR) as table,
        TableWriter(labels_out, FLOAT_VECTOR) as writer,
    ):
        for key, first_T in reader:
            if key not in table:
                tally.lost(key, "no second vector")
            elif len(table[key]) != len(first_T):
                tally.lost(key, f"length mismatch {len(first_T)} vs. {len(table[key])}")
            else:
                writer.write(key, _merged(key, first_T, table[key], label_of))
                tally.done()
    log(
        f"Merged voice activity detection decisions; processed {tally.num_done} utterances"
        f" successfully; {tally.num_lost} had errors."
    )
    return tally.exit_code()


def _merged(key, first_T, second_T, label_of):
    import numpy as np  # start-up time

    pairs = list(zip(first_T.astype(int).tolist(), second_T.astype(int).tolist(), strict=True))
    missing = [pair for pair in dict.fromkeys(pairs) if pair not in label_of]
    if missing:
        first, second = missing[0]
        raise KaldiError(
            f"{key}: the map has no line for {first} and {second}. Add one, as in"
            f" '{first} {second} 0'."
        )
    return np.array([label_of[pair] for pair in pairs], np.float32)


def _rows(map_in, num_fields):
    """The rows of integers of a table with comments after #; none if `map_in` is empty."""
    if not map_in:
        return
    with open_input(map_in) as stream:
        number = 0
        while (line := stream.line()) is not None:
            number += 1
            words = line.decode(errors="surrogateescape").split("#")[0].split()
            if not words:
                continue
            try:
                row = [int(word) for word in words]
            except ValueError:
                row = []
            if len(row) != num_fields:
                raise KaldiError(
                    f"{map_in}:{number}: '{' '.join(words)[:60]}' where {num_fields} integers"
                    " belong."
                )
            yield row
