"""compute-eer (src/ivectorbin/compute-eer.cc).

Shape suffixes (scope: this module):
    L = lines of a block
"""

from steps_py.errors import KaldiError, some
from steps_py.formats.log import log
from steps_py.formats.streams import open_input
from steps_py.kaldi.commands import command

_KINDS = (b"target", b"nontarget")


@command(
    "compute-eer",
    usage="""Computes Equal Error Rate
Input is a series of lines, each with two fields.
The first field must be a numeric score, and the second
either the string 'target' or 'nontarget'.
The EER will be printed to the standard output.

Usage: compute-eer <scores-in>
e.g.: compute-eer -""",
    min_args=1,
    max_args=1,
)
def compute_eer(options, scores_in: str) -> int:
    from steps_py.scoring.error_rates import kaldi_eer  # start-up time

    target, nontarget = _read_scores(scores_in)
    if not target.size and not nontarget.size:
        raise KaldiError(f"{scores_in}: empty input.")
    for kind, scores in (("target", target), ("nontarget", nontarget)):
        if not scores.size:
            raise KaldiError(f"{scores_in}: no {kind} scores seen. EER needs both kinds.")
    eer, threshold = kaldi_eer(target, nontarget)
    percent = 100.0 * float(eer)
    log(f"Equal error rate is {percent:g}%, at threshold {threshold:g}")
    print(f"{percent:.4g}", end="", flush=True)
    return 0


def _read_scores(scores_in):
    """Target and nontarget scores, float32."""
    import numpy as np  # start-up time

    from steps_py.formats.word_pairs import read_blocks

    target, nontarget = [np.zeros(0, np.float32)], [np.zeros(0, np.float32)]
    with open_input(scores_in) as stream:
        for words, labels, _ in read_blocks(stream, "Write a score and 'target' or 'nontarget'."):
            unknown = set(labels).difference(_KINDS)
            if unknown:
                raise KaldiError(
                    f"{scores_in}: the second field must be 'target' or 'nontarget', not"
                    f" {some(sorted(map(_text, unknown)))}."
                )
            score_L = _numbers(words, scores_in)
            is_target_L = np.fromiter(map(_KINDS[0].__eq__, labels), bool, len(labels))
            target.append(score_L[is_target_L])
            nontarget.append(score_L[~is_target_L])
    return np.concatenate(target), np.concatenate(nontarget)


def _numbers(words, scores_in):
    import numpy as np  # start-up time

    try:
        if b"_" in b"".join(words):  # Python would read 1_0 as 10
            raise ValueError
        return np.fromiter(map(float, words), np.float32, len(words))
    except ValueError:
        bad = next(word for word in words if not _is_number(word))
        raise KaldiError(
            f"{scores_in}: the first field must be a number, not {_text(bad)}."
        ) from None


def _is_number(word):
    try:
        float(word)
    except ValueError:
        return False
    return b"_" not in word


def _text(word):
    return f"'{word[:40].decode(errors='replace')}'"
