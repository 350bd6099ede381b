"""Sets of frame times, and sequences of them.

Almost always they are consecutive: such a set is a `range`, and all is done with its ends.
Else it is an int64 array, sorted.  A sequence may repeat times (an array that need not be
sorted): for each frame of a node, the frame of another node that it reads.
"""

from collections.abc import Iterable

import numpy as np

from steps_py.errors import KaldiError

MOST_TIMES = 50_000_000
EMPTY = range(0)


def as_array(times: Iterable) -> np.ndarray:
    """The times as an int64 array."""
    if isinstance(times, range):
        return np.arange(times.start, times.stop, times.step, dtype=np.int64)
    return times


def from_array(times: np.ndarray) -> Iterable:
    """The set of times in an array: a range if they are evenly spaced.

    >>> from_array(np.array([5, 1, 3, 1]))
    range(1, 7, 2)
    """
    times = np.sort(times)  # not np.unique: that imports numpy.ma
    times = times[np.diff(times, prepend=times[:1] - 1) != 0]
    if len(times) <= 1:
        return range(int(times[0]), int(times[0]) + 1) if len(times) else EMPTY
    step = int(times[1] - times[0])
    if times[-1] - times[0] == step * (len(times) - 1) and (np.diff(times) == step).all():
        return range(int(times[0]), int(times[-1]) + step, step)
    return times


def as_set(sequence: Iterable) -> Iterable:
    """The set of the times in a sequence."""
    return sequence if isinstance(sequence, range) else from_array(sequence)


def _consecutive(a, b):
    return isinstance(a, range) and isinstance(b, range) and a.step == b.step == 1


def union(a: Iterable, b: Iterable) -> Iterable:
    """The times of either set.

    >>> union(range(0, 5), range(3, 9))
    range(0, 9)
    """
    if len(a) == 0 or len(b) == 0:
        return b if len(a) == 0 else a
    if _consecutive(a, b) and max(a.start, b.start) <= min(a.stop, b.stop):
        return range(min(a.start, b.start), max(a.stop, b.stop))
    return from_array(np.concatenate([as_array(a), as_array(b)]))


def clip(times: Iterable, first: int, last: int) -> Iterable:
    """The times from `first` to `last`, both inclusive.

    >>> clip(range(0, 20, 3), 4, 12)
    range(6, 15, 3)
    """
    if isinstance(times, range):
        step = times.step
        start = times.start + max(0, -((times.start - first) // step)) * step
        return range(start, max(start, min(times.stop, last + 1)), step)[:]
    return as_set(times[np.searchsorted(times, first) : np.searchsorted(times, last, "right")])


def spaced(first: int, last: int, step: int) -> Iterable:
    """Every `step`-th time from `first` to `last`; KaldiError if they are too many."""
    times = range(first, last + 1, step)
    if len(times) > MOST_TIMES:
        raise KaldiError(f"the network needs {len(times)} frames of a node.")
    return times


def contained(sequence: Iterable, available: Iterable) -> slice | np.ndarray:
    """Which entries of the sequence are in the set: a slice if they are consecutive.

    >>> contained(range(-2, 8), range(0, 5))
    slice(2, 7, None)
    """
    if _consecutive(sequence, available):
        first = max(0, available.start - sequence.start)
        return slice(first, max(first, min(len(sequence), available.stop - sequence.start)))
    found = np.flatnonzero(np.isin(as_array(sequence), as_array(available)))
    if len(found) and found[-1] - found[0] + 1 == len(found):
        return slice(int(found[0]), int(found[-1]) + 1)
    return found if len(found) else slice(0, 0)


def take(sequence: Iterable, index: slice | np.ndarray) -> Iterable:
    """The entries of a sequence at a slice or an array of positions."""
    if isinstance(index, slice):
        return sequence[index]
    return as_array(sequence)[index]


def positions(sequence: Iterable, stored: Iterable) -> np.ndarray | slice:
    """Where in the set `stored` the entries of the sequence stand: a slice if consecutive.

    >>> positions(range(3, 6), range(1, 9))
    slice(2, 5, None)
    """
    if _consecutive(sequence, stored):
        return slice(sequence.start - stored.start, sequence.stop - stored.start)
    found = np.searchsorted(as_array(stored), as_array(sequence))
    if len(found) and (np.diff(found) == 1).all():
        return slice(int(found[0]), int(found[-1]) + 1)
    return found
