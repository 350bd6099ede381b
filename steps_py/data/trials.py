"""Trials: read the lists that corpora come with, and write the lists that are scored.

A trial is a pair of an enrolment and a test utterance, of the same speaker or not; its label is
``target`` (one) or ``nontarget`` (two).  Lists of ten million trials are common, so a list
is kept as arrays and not as one object per trial.

Shape suffixes (scope: this module):
    T = trials, S = distinct names of sides
"""

import array
import collections.abc
import operator
import os
from codecs import BOM_UTF8
from typing import NamedTuple

import numpy as np

from steps_py.data.pair_lines import read_blocks
from steps_py.data.pairs import Pairs
from steps_py.errors import DataDirError
from steps_py.files import atomic_write
from steps_py.text_files import decode

LABELS = {"target": True, "nontarget": False, "tgt": True, "imp": False}
FLAGS = {"1": True, "0": False}
MOST_FAULTS = 3  # lines of a list that a message shows
TRIALS_PER_WRITE = 100_000


class Trial(NamedTuple):
    """One trial; the sides are utterance ids, or what a list file has in their place."""

    enroll: str
    test: str
    target: bool


class Trials(collections.abc.Sequence):
    """A sequence of `Trial` that takes 9 bytes for each, beside one string for each side.

    Attributes
    ----------
    sides : list of S distinct str
    enroll_T, test_T : int32 arrays
        Places in `sides`.
    target_T : bool array

    Examples
    --------
    >>> trials = Trials.of([Trial("a", "b", True), Trial("a", "c", False)])
    >>> trials.sides, trials.test_T.tolist(), trials[1]
    (['a', 'b', 'c'], [1, 2], Trial(enroll='a', test='c', target=False))
    """

    def __init__(self, sides: list[str], enroll_T, test_T, target_T: bytearray | np.ndarray):
        self.sides = sides
        self.enroll_T = np.asarray(enroll_T, np.int32)
        self.test_T = np.asarray(test_T, np.int32)
        self.target_T = np.asarray(target_T, bool)

    @classmethod
    def of(cls, trials: "Trials | list") -> "Trials":
        """`trials` itself, or the Trials of an iterable of (enroll, test, target)."""
        if isinstance(trials, cls):
            return trials
        places, enroll_T, test_T, target_T = {}, array.array("i"), array.array("i"), bytearray()
        for enroll, test, target in trials:
            enroll_T.append(places.setdefault(enroll, len(places)))
            test_T.append(places.setdefault(test, len(places)))
            target_T.append(target)
        return cls(list(places), enroll_T, test_T, target_T)

    def __len__(self):
        return len(self.target_T)

    def __getitem__(self, place):
        enroll, test = self.sides[self.enroll_T[place]], self.sides[self.test_T[place]]
        return Trial(enroll, test, bool(self.target_T[place]))

    def __eq__(self, other):
        return len(self) == len(other) and all(map(operator.eq, self, other))

    def __repr__(self):
        return f"Trials of {len(self)} trials and {len(self.sides)} sides"

    def where(self, keep_T: np.ndarray) -> "Trials":
        """The trials at which the bool array `keep_T` is true, and their sides only."""
        if keep_T.all():
            return self
        enroll_T, test_T = self.enroll_T[keep_T], self.test_T[keep_T]
        used_S = np.zeros(len(self.sides), bool)
        used_S[enroll_T] = used_S[test_T] = True
        sides = [side for side, used in zip(self.sides, used_S.tolist(), strict=True) if used]
        place_S = (np.cumsum(used_S) - 1).astype(np.int32)
        return Trials(sides, place_S[enroll_T], place_S[test_T], self.target_T[keep_T])

    def renamed(self, names: dict[str, str]) -> "Trials":
        """The same trials with ``names[side]`` for each side; two sides may get one name."""
        places = {}
        place_S = np.array(
            [places.setdefault(names[side], len(places)) for side in self.sides], np.int32
        )
        return Trials(list(places), place_S[self.enroll_T], place_S[self.test_T], self.target_T)


def read_trial_list(path: str | os.PathLike) -> Trials:
    """Read ``1|0 <enrol> <test>`` (VoxCeleb's lists) or ``<enrol> <test> target|nontarget``.

    Labels of the second form can be ``tgt|imp`` (SITW's and NIST's keys) or ``1|0`` (CN-Celeb's).
    Returns `Trials`.  Blank lines and a byte order mark are passed over; other lines make one
    DataDirError with their number and the first of them.
    """
    pairs, targets, faults = Pairs(), [], []
    for number, lines, words in read_blocks(path):
        enroll, test, target = _plain_columns(words) or _columns(lines, path, number, faults)
        pairs.extend(enroll, test)
        targets.append(np.array(target, bool))
    if faults:
        more = f"\n{path}: {len(faults) - MOST_FAULTS} more lines like these."
        shown = "\n".join(faults[:MOST_FAULTS])
        raise DataDirError(shown + (more if len(faults) > MOST_FAULTS else ""))
    target_T = np.concatenate([np.zeros(0, bool), *targets])
    return Trials(list(pairs.place_of), pairs.enroll_L, pairs.test_L, target_T)


def _plain_columns(words):
    """Enrolment, test and target of lines that are all of one of the two forms, or None."""
    if words is None:
        return None
    for names, places in ((LABELS, (0, 1, 2)), (FLAGS, (1, 2, 0)), (FLAGS, (0, 1, 2))):
        enroll, test, labels = (words[place] for place in places)
        if names.keys() >= set(labels):
            return enroll, test, list(map(names.__getitem__, labels))
    return None


def _columns(content, path, first, faults):
    """As above for any lines; blank lines are skipped, and errors are appended to `faults`."""
    lines = content.removesuffix(b"\n").split(b"\n")
    if first == 1:
        lines[0] = lines[0].removeprefix(BOM_UTF8)
    trials = list(_parse(lines, path, first, faults))
    return tuple(zip(*trials, strict=True)) or ((), (), ())


def _parse(lines, path, first, faults):
    for number, line in enumerate(lines, first):
        fields = line.split()
        try:
            fields = [field.decode() for field in fields]
        except UnicodeDecodeError:
            decode(line, path, first=number)
        match fields:
            case [enroll, test, label] if label in LABELS:
                yield enroll, test, LABELS[label]
            case [flag, enroll, test] if flag in FLAGS:
                yield enroll, test, FLAGS[flag]
            case [enroll, test, flag] if flag in FLAGS:
                yield enroll, test, FLAGS[flag]
            case []:
                pass
            case _:
                said = line.decode().rstrip()[:200]
                faults.append(
                    f"{path}:{number}: expected '1|0 <enrol> <test>' or '<enrol> <test>"
                    f" target|nontarget', got {said!r}. Mend the list."
                )


def write_trials(path: str | os.PathLike, trials: Trials) -> None:
    """Write ``<enrol> <test> target|nontarget`` in the order of the list, all or nothing."""
    trials = Trials.of(trials)
    sides, labels = trials.sides, ("nontarget", "target")
    with atomic_write(path, "wb") as out:
        for begin in range(0, len(trials), TRIALS_PER_WRITE):
            piece = slice(begin, begin + TRIALS_PER_WRITE)
            columns = (trials.enroll_T, trials.test_T, trials.target_T)
            rows = zip(*(column[piece].tolist() for column in columns), strict=True)
            lines = [f"{sides[e]} {sides[t]} {labels[target]}\n" for e, t, target in rows]
            out.write("".join(lines).encode())
