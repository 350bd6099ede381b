"""Pairs of names, in little memory.

Shape suffixes (scope: this module):
    L = pairs   S = distinct names
"""

import collections
from collections.abc import Sequence

import numpy as np

from steps_py.errors import some


class Pairs:
    """Pairs of names at 8 bytes each, beside one string for each distinct name.

    Attributes
    ----------
    place_of : dict of str to int
        The names, in the order in which they came.
    enroll_L, test_L : int32 arrays
        Places of the names of each pair.

    Examples
    --------
    >>> pairs = Pairs()
    >>> pairs.extend(["a", "a"], ["b", "c"])
    >>> len(pairs), pairs.shown([0, 1])
    (2, 'a b, a c')
    """

    def __init__(self):
        self.place_of = collections.defaultdict()
        self.place_of.default_factory = self.place_of.__len__  # a new name gets the next place
        self._columns = ([], [])  # in pieces

    def __len__(self):
        return len(self.enroll_L)

    @property
    def enroll_L(self) -> np.ndarray:
        return self._whole(0)

    @property
    def test_L(self) -> np.ndarray:
        return self._whole(1)

    def _whole(self, side):
        pieces = self._columns[side]
        if len(pieces) != 1:
            pieces[:] = [np.concatenate([np.zeros(0, np.int32), *pieces])]
        return pieces[0]

    def extend(self, enroll_names: Sequence[str], test_names: Sequence[str]) -> None:
        """Append a pair of names from each of two lists."""
        for pieces, names in zip(self._columns, (enroll_names, test_names), strict=True):
            pieces.append(np.fromiter(map(self.place_of.__getitem__, names), np.int32, len(names)))

    def take(self, rows: np.ndarray) -> "Pairs":
        """The pairs at `rows`, an int array."""
        taken = Pairs()
        taken.place_of = self.place_of
        taken._columns = ([self.enroll_L[rows]], [self.test_L[rows]])
        return taken

    def keys(self) -> np.ndarray:
        """A number for each pair, equal for equal pairs; int64 (L,)."""
        return self.enroll_L.astype(np.int64) << 32 | self.test_L

    def keys_by(self, other: "Pairs") -> np.ndarray:
        """The keys that the pairs have among the pairs `other`."""
        added = len(other.place_of)
        place_S = [other.place_of.get(name, added + n) for n, name in enumerate(self.place_of)]
        place_S = np.array(place_S, np.int64)
        return place_S[self.enroll_L] << 32 | place_S[self.test_L]

    def repeated(self) -> np.ndarray:
        """Rows of the pairs that come more than once, ascending."""
        keys = self.keys()
        in_order = np.sort(keys)
        twice = in_order[1:][in_order[1:] == in_order[:-1]]
        return np.flatnonzero(np.isin(keys, twice)) if twice.size else np.array([], np.int64)

    def shown(self, rows: np.ndarray) -> str:
        """A few of the pairs at `rows`, as text."""
        names = list(self.place_of)
        first = [f"{names[self.enroll_L[r]]} {names[self.test_L[r]]}" for r in rows[:3]]
        return some(first, total=len(rows))
