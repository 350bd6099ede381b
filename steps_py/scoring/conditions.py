"""Parts of a trial list, by what is known of its utterances: gender, duration, session.

Shape suffixes (scope: this module):
    T = trials   T2 = enrolment and test side of trials   S = distinct names of sides
"""

import itertools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from steps_py.errors import ScoreError, some

if TYPE_CHECKING:
    from steps_py.data.pairs import Pairs

MOST_VALUES = 10  # with more, pairs of values are not told apart, only same and cross


def bin_names(edges: list[float]) -> list[str]:
    """The names of the bins between the edges.

    >>> bin_names([2, 4])
    ['<2', '2..4', '>=4']
    """
    inner = [f"{low:g}..{high:g}" for low, high in itertools.pairwise(edges)]
    return [f"<{edges[0]:g}", *inner, f">={edges[-1]:g}"]


def values_of(
    sides: list[str], table: dict[str, str], bins: list[float] | None, where: str
) -> list[str]:
    """The value of each side, or the name of its bin.

    Parameters
    ----------
    sides : list of str
    table : dict
        side -> text.
    bins : ascending list of float, or None
    where : str
        The table, for messages.

    Raises
    ------
    ScoreError
        If a side is not in the table, or a value to be binned is no number.

    Examples
    --------
    >>> values_of(["a", "b"], {"a": "1.5", "b": "2"}, [2, 4], "utt2dur")
    ['<2', '2..4']
    """
    missing = [side for side in sides if side not in table]
    if missing:
        raise ScoreError(
            f"{where}: {len(missing)} of {len(sides)} utterances of the trial list are not in it"
            f" ({some(missing)}). Add them."
        )
    if not bins:
        return [table[side] for side in sides]
    names = bin_names(bins)
    places = np.searchsorted(bins, [_number(side, table[side], where) for side in sides], "right")
    return [names[place] for place in places]


def _number(side, text, where):
    try:
        number = float(text)
    except ValueError:
        number = np.nan
    if np.isnan(number):
        raise ScoreError(
            f"{where}: the value of {side} is '{text[:80]}', and metrics.conditions has bins of"
            " numbers for it. Leave out bins, or mend the table."
        )
    return number


def coded(
    pairs: "Pairs", enroll_values: Callable, test_values: Callable
) -> tuple[list[str], np.ndarray]:
    """The distinct values of both sides of trials, sorted, and the place of each trial's in them.

    Parameters
    ----------
    pairs : Pairs
    enroll_values, test_values : functions
        Names of sides -> their values, in lists.

    Returns
    -------
    known : list of str
    value_T2 : int32 array

    Examples
    --------
    >>> from steps_py.data.pairs import Pairs
    >>> pairs = Pairs()
    >>> pairs.extend(["a", "b"], ["b", "c"])
    >>> coded(pairs, lambda names: ["m"] * len(names), lambda names: ["f", "m"])
    (['f', 'm'], array([[1, 0],
           [1, 1]], dtype=int32))
    """
    names = list(pairs.place_of)
    columns = []
    for side_T, values in ((pairs.enroll_L, enroll_values), (pairs.test_L, test_values)):
        is_used_S = np.zeros(len(names), bool)
        is_used_S[side_T] = True
        used_S = np.flatnonzero(is_used_S)
        columns.append((side_T, used_S, values([names[s] for s in used_S.tolist()])))
    known = sorted({value for *_, found in columns for value in found})
    place = {value: number for number, value in enumerate(known)}
    value_T2 = np.empty((len(pairs), 2), np.int32)
    for side, (side_T, used_S, found) in enumerate(columns):
        place_S = np.zeros(len(names), np.int32)
        place_S[used_S] = [place[value] for value in found]
        value_T2[:, side] = place_S[side_T]
    return known, value_T2


def parts_of(name: str, known: list[str], value_T2: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Yield (``<name>=<enrol>-<test>``, bool (T,)) of each pair of values, then same and cross.

    Parts without a trial are left out.

    >>> value_T2 = np.array([[1, 1], [0, 1]])
    >>> {part: is_in_T.tolist() for part, is_in_T in parts_of("sex", ["f", "m"], value_T2)}
    {'sex=f-m': [False, True], 'sex=m-m': [True, False], 'sex=same': [True, False], \
'sex=cross': [False, True]}
    """
    enroll_T, test_T = value_T2.T
    if len(known) <= MOST_VALUES:
        code_T = enroll_T * len(known) + test_T
        for code in np.unique(code_T):
            yield f"{name}={known[code // len(known)]}-{known[code % len(known)]}", code_T == code
    same_T = enroll_T == test_T
    if same_T.any():
        yield f"{name}=same", same_T
    if not same_T.all():
        yield f"{name}=cross", ~same_T


def parts_to_equalise(
    known: list[str], value_T2: np.ndarray, target_T: np.ndarray
) -> np.ndarray | None:
    """The number of each trial's pair of values, -1 for pairs without trials of both kinds.

    None if there are fewer than two such pairs, or too many values.

    >>> value_T2 = np.array([[1, 1], [1, 1], [0, 0], [0, 0], [0, 1]])
    >>> parts_to_equalise(["f", "m"], value_T2, np.array([True, False, True, False, False]))
    array([ 3,  3,  0,  0, -1])
    """
    if len(known) > MOST_VALUES:
        return None
    code_T = value_T2[:, 0] * len(known) + value_T2[:, 1]
    num_trials = np.bincount(code_T)
    num_targets = np.bincount(code_T[target_T], minlength=len(num_trials))
    has_both = (num_targets > 0) & (num_targets < num_trials)
    return np.where(has_both[code_T], code_T, -1) if has_both.sum() > 1 else None
