"""Which parameters are estimated: a subset of m(eans), v(ariances), w(eights).

Source: src/gmm/model-common.cc.
"""

import enum

from steps_py.errors import KaldiError


class UpdateFlags(enum.IntFlag):
    """The bits as in Kaldi's accumulators."""

    MEANS = 1
    VARIANCES = 2
    WEIGHTS = 4
    TRANSITIONS = 8


_LETTERS = {
    "m": UpdateFlags.MEANS,
    "v": UpdateFlags.VARIANCES,
    "w": UpdateFlags.WEIGHTS,
    "t": UpdateFlags.TRANSITIONS,
    "a": UpdateFlags(15),
}
ALL_FLAGS = _LETTERS["a"]


def parse_update_flags(text: str) -> UpdateFlags:
    """The flags of the letters of --update-flags.

    >>> parse_update_flags("mw").value
    5
    """
    flags = UpdateFlags(0)
    for letter in text:
        if letter not in _LETTERS:
            raise KaldiError(
                f"--update-flags={text}: '{letter}' is none of {''.join(_LETTERS)}. Write a subset"
                " of mvw."
            )
        flags |= _LETTERS[letter]
    return flags


def with_needed(flags: UpdateFlags) -> UpdateFlags:
    """The flags with what their statistics need: variances need means, all need weights.

    >>> with_needed(UpdateFlags.VARIANCES).value
    7
    """
    if flags & UpdateFlags.VARIANCES:
        flags |= UpdateFlags.MEANS
    return flags | UpdateFlags.WEIGHTS
