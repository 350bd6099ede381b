"""Vectors that tests are compared with, prepared once; some can be added, replaced or removed.

Shape suffixes (scope: this module):
    N = vectors   R = some rows of them   K = dimension of what is multiplied
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from steps_py.backend.pair_scorers import Side
from steps_py.backend.score_norm import Cohort, Sides, Statistics

_SPARE = 16  # one row is kept free for so many


class Rows:
    """An array whose first axis grows without a copy of it each time.

    >>> rows = Rows(np.array([[1.0], [2.0], [3.0]]), np.float32)
    >>> rows.keep(np.array([0, 2])); rows.put(np.array([0, 2]), np.array([[7.0], [8.0]]))
    >>> rows.array[:, 0]
    array([7., 3., 8.], dtype=float32)
    """

    def __init__(self, array_N: np.ndarray, dtype: Any):
        self._dtype = np.dtype(dtype)
        self._make_room(array_N, len(array_N))

    @property
    def array(self) -> np.ndarray:
        """The rows, which the next change may overwrite."""
        return self._room[: self._num_rows]

    def keep(self, rows_R: np.ndarray) -> None:
        """Remove all but some rows, which stay in their order."""
        self._room[: len(rows_R)] = self._room[rows_R]
        self._num_rows = len(rows_R)

    def put(self, rows_R: np.ndarray, values_R: np.ndarray) -> None:
        """Replace rows, or add those from the present number of rows on, without a gap."""
        num_rows = max(self._num_rows, int(rows_R.max()) + 1)
        if num_rows > len(self._room):
            self._make_room(self.array, num_rows)
        self._num_rows = num_rows
        self._room[rows_R] = values_R

    def _make_room(self, array_N, num_rows):
        shape = (num_rows + num_rows // _SPARE, *array_N.shape[1:])
        self._room, self._num_rows = np.empty(shape, self._dtype), num_rows
        self._room[: len(array_N)] = array_N


class EnrolledSide:
    """The enrolment side of trials, and its statistics with cohorts as far as they are known.

    `known` has by cohort and options `Statistics`, nan for vectors that they are not known of.
    """

    def __init__(self, side: Side):
        dtype = np.float32 if len(side.offset_N) > 1 else np.float64
        self._vectors, self._offset = Rows(side.vectors_NK, dtype), Rows(side.offset_N, dtype)
        self.known: dict[tuple, Statistics] = {}

    @property
    def side(self) -> Side:
        """The vectors: several in single precision, one as it was computed."""
        return Side(self._vectors.array, self._offset.array)

    def keep(self, rows_R: np.ndarray) -> None:
        """Remove all vectors but some."""
        self._vectors.keep(rows_R)
        self._offset.keep(rows_R)
        for key, known in self.known.items():
            self.known[key] = Statistics(known.mean_N[rows_R], known.std_N[rows_R])

    def put(self, rows_R: np.ndarray, other: "EnrolledSide") -> None:
        """Replace or add rows by all of another."""
        self._vectors.put(rows_R, other.side.vectors_NK)
        self._offset.put(rows_R, other.side.offset_N)
        num_rows = len(self._offset.array)
        for key, known in self.known.items():
            arrays = (known.mean_N, known.std_N)
            self.known[key] = Statistics(*(_unknown(x_N, rows_R, num_rows) for x_N in arrays))


def _unknown(x_N, rows_R, num_rows):
    """A copy with `num_rows` rows, and nan in some."""
    result_N = np.full(num_rows, np.nan)
    result_N[: len(x_N)] = x_N
    result_N[rows_R] = np.nan
    return result_N


@dataclass
class Enrolled:
    """All enrolments of a system; `sides` has one for each chain with a model that it joins."""

    num_vectors: int
    sides: list[EnrolledSide] = field(default_factory=list)

    def keep(self, rows_R: np.ndarray) -> None:
        """Remove all enrolments but some, which stay in their order."""
        self.num_vectors = len(rows_R)
        for side in self.sides:
            side.keep(rows_R)

    def put(self, rows_R: np.ndarray, other: "Enrolled") -> None:
        """Replace enrolments by those of another, or add them behind the last, without a gap."""
        for side, other_side in zip(self.sides, other.sides, strict=True):
            side.put(rows_R, other_side)
        self.num_vectors = max(self.num_vectors, int(rows_R.max()) + 1)


class SidesOfEnrolled(Sides):
    """`Sides` of all enrolments with one test: statistics of the enrolments are computed once."""

    def __init__(self, cohort: Cohort, enrolled: EnrolledSide, test: Side):
        rows_T = np.arange(len(enrolled.side.offset_N))
        super().__init__(cohort, enrolled.side, test, rows_T, np.zeros(len(rows_T), int))
        self._known = enrolled.known

    def of_enroll(self, top_n=None, ddof=0):
        key = id(self._cohort), top_n, ddof
        if key not in self._known:
            self._known[key] = super().of_enroll(top_n, ddof)
        known = self._known[key]
        new_R = np.flatnonzero(np.isnan(known.mean_N))
        if new_R.size:
            side, none = self._enroll.rows(new_R), np.zeros(0, int)
            found = Sides(self._cohort, side, None, none, none).of_enroll(top_n, ddof)
            known.mean_N[new_R], known.std_N[new_R] = found.mean_N, found.std_N
        return known
