"""Lines of two names and a value, as trial lists and scores have them, in little memory.

Shape suffixes (scope: this module):
    L = lines   S = distinct names
"""

import array
import collections

import numpy as np

from steps_py.errors import ScoreError, some

BLOCK_BYTES = 2**20


class Pairs:
    """Pairs of names at 8 bytes each, beside one string for each distinct name.

    Examples
    --------
    >>> pairs = Pairs()
    >>> pairs.extend([("a", "b", "1"), ("a", "c", "2")])
    >>> len(pairs), pairs.shown([0, 1])
    (2, 'a b, a c')
    """

    def __init__(self):
        self.place_of = collections.defaultdict()
        self.place_of.default_factory = self.place_of.__len__  # a new name gets the next place
        self.enroll_L, self.test_L = array.array("i"), array.array("i")

    def __len__(self):
        return len(self.enroll_L)

    def extend(self, rows):
        """Append rows that begin with two names."""
        self.enroll_L.extend([self.place_of[row[0]] for row in rows])
        self.test_L.extend([self.place_of[row[1]] for row in rows])

    def take(self, rows):
        """The pairs at `rows`, an int array."""
        taken = Pairs()
        taken.place_of = self.place_of
        taken.enroll_L = np.asarray(self.enroll_L)[rows]
        taken.test_L = np.asarray(self.test_L)[rows]
        return taken

    def keys(self):
        """A number for each pair, equal for equal pairs; int64 (L,)."""
        return np.asarray(self.enroll_L, np.int64) << 32 | np.asarray(self.test_L)

    def keys_by(self, other):
        """The keys that the pairs have among the pairs `other`."""
        added = len(other.place_of)
        place_S = [other.place_of.get(name, added + n) for n, name in enumerate(self.place_of)]
        place_S = np.array(place_S, np.int64)
        return place_S[np.asarray(self.enroll_L)] << 32 | place_S[np.asarray(self.test_L)]

    def repeated(self):
        """Rows of the pairs that come more than once, ascending."""
        keys = self.keys()
        in_order = np.sort(keys)
        twice = in_order[1:][in_order[1:] == in_order[:-1]]
        return np.flatnonzero(np.isin(keys, twice)) if twice.size else np.array([], np.int64)

    def shown(self, rows):
        """A few of the pairs at `rows`, as text."""
        names = list(self.place_of)
        first = [f"{names[self.enroll_L[r]]} {names[self.test_L[r]]}" for r in rows[:3]]
        return some(first, total=len(rows))


def read_rows(path, value_name):
    """Yield (number of the first line, rows of three fields) of pieces of a file.

    Raises
    ------
    ScoreError
        If there is no line, one has other than three fields, or it is not UTF-8.
    """
    number = 1
    with open(path, "rb") as file:
        while content := file.read(BLOCK_BYTES):
            content += file.readline()
            rows = _rows_of(content, path, number, value_name)
            yield number, rows
            number += len(rows)
    if number == 1:
        raise ScoreError(f"{path}: no line in it")


def _rows_of(content, path, first, value_name):
    try:
        lines = content.decode().removesuffix("\n").split("\n")
    except UnicodeDecodeError as error:
        number = content.count(b"\n", 0, error.start) + first
        raise ScoreError(
            f"{path}:{number}: not UTF-8. The file is damaged; make it again."
        ) from None
    rows = [line.split() for line in lines]
    for number, row in enumerate(rows):
        if len(row) != 3:
            raise ScoreError(
                f"{path}:{number + first}: expected '<enroll> <test> <{value_name}>',"
                f" got {lines[number][:80]!r}"
            )
    return rows
