"""The people of a gallery's file in memory, as scoring steps take them.

Shape suffixes (scope: this module):
    P = people   R = recordings   E = embedding
"""

import numpy as np

from steps_py.backend.enrolled import Enrolled
from steps_py.errors import StepsError
from steps_py.system.gallery_file import BEGINNING, GalleryFile, News


class LoadedPeople:
    """The people of a file; `refresh` reads what this or another process has changed since.

    Attributes
    ----------
    names : list of str
        By the people's ids, as are the scores of `score`.
    """

    def __init__(self, system, file: GalleryFile):
        self._system, self._file = system, file
        self._forget()

    def refresh(self) -> None:
        """Read what is new; StepsError if nobody is enrolled, or a vector has another size."""
        news = self._file.news(self._mark)
        if news is not None:
            self._take(news)
        if not self.names:
            raise StepsError(f"{self._file.path}: nobody is enrolled. Enrol somebody first.")

    def score(self, xvector_E: np.ndarray) -> np.ndarray:
        """The scores of all people with a recording, float64 (P,)."""
        return self._system.chain(self._several).score(self._enrolled, xvector_E)

    def _forget(self):
        self._mark, self._several, self._enrolled = BEGINNING, False, Enrolled(0)
        self.names: list[str] = []
        self._ids_P, self._counts_P = np.zeros(0, np.int64), np.zeros(0, np.int64)

    def _take(self, news: News):
        x_PE, counts_P = self._means(news)
        if news.remaining is not None:
            self._keep(np.flatnonzero(np.isin(self._ids_P, news.remaining)))
        ids_P = np.array(news.ids, np.int64)
        is_known_P = np.isin(ids_P, self._ids_P)
        num_people = len(self.names) + np.count_nonzero(~is_known_P)
        rows_P = np.searchsorted(self._ids_P, ids_P)
        # ids of new people are higher than those of all others
        rows_P[~is_known_P] = np.arange(len(self.names), num_people)
        counts_of_all_P = _put(self._counts_P, rows_P, counts_P, num_people)
        several = bool((counts_of_all_P > 1).any())
        if not num_people:
            self._forget()
            return
        is_all = len(ids_P) == num_people
        is_mostly_new = 2 * len(ids_P) >= num_people or num_people == 1
        if not is_all and (is_mostly_new or several != self._several):
            self._forget()
            self._take(self._file.news(BEGINNING))
            return
        enrolled = self._system.chain(several).enroll(x_PE, counts_P if several else None)
        if is_all:
            self._enrolled = enrolled
        elif len(ids_P):
            self._enrolled.put(rows_P, enrolled)
        self._mark, self._several = news.mark, several
        self._ids_P = _put(self._ids_P, rows_P, ids_P, num_people)
        self._counts_P = counts_of_all_P
        self.names += [""] * (num_people - len(self.names))
        for row, name in zip(rows_P.tolist(), news.names, strict=True):
            self.names[row] = name

    def _keep(self, rows_P):
        if len(rows_P) < len(self.names):
            self._ids_P, self._counts_P = self._ids_P[rows_P], self._counts_P[rows_P]
            self.names = [self.names[row] for row in rows_P.tolist()]
            self._enrolled.keep(rows_P)

    def _means(self, news):
        """The mean vector of each person's recordings, and the number of these."""
        dim = self._system.embedding_dim
        if len(news.vectors) != 4 * dim * sum(news.counts):
            raise StepsError(
                f"{self._file.path}: vectors of another size than {dim} numbers: the file is"
                " damaged. Restore it from a copy."
            )
        x_RE = np.frombuffer(news.vectors, "<f4").reshape(-1, dim)
        counts_P = np.array(news.counts, np.int64)
        if len(x_RE) == len(counts_P):
            return x_RE, counts_P
        starts_P = np.cumsum(counts_P) - counts_P
        sum_PE = np.add.reduceat(x_RE, starts_P, axis=0, dtype=np.float64)
        return (sum_PE / counts_P[:, np.newaxis]).astype(np.float32), counts_P


def _put(array_P, rows_R, values_R, num_rows):
    """A copy of an array, of `num_rows` rows, some of which have other values.

    >>> _put(np.array([5, 6]), np.array([2, 0]), np.array([7, 8]), 3)
    array([8, 6, 7])
    """
    result_P = np.resize(array_P, num_rows) if len(array_P) else np.zeros(num_rows, np.int64)
    result_P[rows_R] = values_R
    return result_P
