"""Trials taken apart: the utterances of a model, or the copies of an utterance, pair by pair.

Tables ``<name> <part> <part> ...`` lead from the names of a side to their parts, one after the
other: from models to their utterances, from utterances to their copies.

Shape suffixes (scope: this module):
    T = trials   S = names of a side   P = pairs of parts   Q = parts of all names
"""

from typing import NamedTuple

import numpy as np

from steps_py.data.data_dir import read_table
from steps_py.data.trials import Trials
from steps_py.errors import DataDirError, some

UTTERANCES, COPIES, ALL_COPIES = "utterances", "copies", "all_copies"
OVER_COPIES = (COPIES, ALL_COPIES)  # COPIES pairs copies of the same number only
OVER = (UTTERANCES, *OVER_COPIES)


class PartPairs(NamedTuple):
    """The pairs of parts of trials: places in `names`, and the trial that each is of."""

    names: list
    enroll_P: np.ndarray
    test_P: np.ndarray
    trial_P: np.ndarray


def pairs_of_parts(trials, enroll_tables, test_tables, over) -> PartPairs:
    """The pairs of parts of all trials.

    Parameters
    ----------
    trials : Trials
    enroll_tables, test_tables : lists of path
        From the names of each side to its parts; none: a name is its own part.
    over : one of `OVER`

    Raises
    ------
    DataDirError
        If a table lacks a name.
    """
    place_of, sides = {}, []
    for side_T, tables in ((trials.enroll_T, enroll_tables), (trials.test_T, test_tables)):
        used_S, side_T = np.unique(side_T, return_inverse=True)
        groups_S = _groups([trials.sides[place] for place in used_S.tolist()], tables, over)
        sides.append((side_T, groups_S))
    num_groups = max(len(groups) for _, groups_S in sides for groups in groups_S)
    pairs = [
        _products(*((side_T, *_flat(groups_S, number, place_of)) for side_T, groups_S in sides))
        for number in range(num_groups)
    ]
    return PartPairs(list(place_of), *map(np.concatenate, zip(*pairs, strict=True)))


def trials_of_parts(trials, enroll_tables, test_tables, over) -> Trials:
    """`pairs_of_parts` as a list of distinct trials, labelled as the trials that they are of.

    >>> import tempfile
    >>> table = tempfile.NamedTemporaryFile("w", suffix="spk2utt")
    >>> _ = table.write("m u1 u2\\n"), table.flush()
    >>> for part in trials_of_parts(Trials.of([("m", "t", True)]), [table.name], [], UTTERANCES):
    ...     print(*part)
    u1 t True
    u2 t True
    """
    pairs = pairs_of_parts(trials, enroll_tables, test_tables, over)
    _, first_P = np.unique(pairs.enroll_P << 32 | pairs.test_P, return_index=True)
    rows = np.sort(first_P)
    target_T = trials.target_T[pairs.trial_P[rows]]
    return Trials(pairs.names, pairs.enroll_P[rows], pairs.test_P[rows], target_T)


def _groups(names, tables, over):
    """For each name lists of parts; the parts of a group meet those of the other side's."""
    groups_S = [[[name]] for name in names]
    for path in tables:
        table = read_table(path)
        missing = {part for groups in groups_S for group in groups for part in group}
        missing = sorted(missing - table.keys())
        if missing:
            raise DataDirError(
                f"{path}: {len(missing)} names of the trials are not in it ({some(missing)})."
            )
        for place, groups in enumerate(groups_S):
            words = [table[part].split() for group in groups for part in group]
            joined = [[part for parts in words for part in parts]]
            groups_S[place] = list(zip(*words, strict=True)) if over == COPIES else joined
    return groups_S


def _flat(groups_S, number, place_of):
    """Places of the parts of one group of each name, (Q,), and how many parts a name has, (S,)."""
    groups = [groups[number] for groups in groups_S]
    part_Q = [place_of.setdefault(part, len(place_of)) for group in groups for part in group]
    return np.array(part_Q, np.int64), np.array([len(group) for group in groups])


def _products(enroll, test):
    """Each part of a trial's enrolment with each of its test utterance: (enroll, test, trial)."""
    (enroll_T, enroll_Q, enroll_S), (test_T, test_Q, test_S) = enroll, test
    count_T = enroll_S[enroll_T] * test_S[test_T]
    trial_P = np.repeat(np.arange(len(count_T)), count_T)
    number_P = np.arange(len(trial_P)) - np.repeat(np.cumsum(count_T) - count_T, count_T)
    num_test_P = test_S[test_T][trial_P]
    first_enroll_S, first_test_S = np.cumsum(enroll_S) - enroll_S, np.cumsum(test_S) - test_S
    enroll_P = enroll_Q[first_enroll_S[enroll_T[trial_P]] + number_P // num_test_P]
    return enroll_P, test_Q[first_test_S[test_T[trial_P]] + number_P % num_test_P], trial_P
