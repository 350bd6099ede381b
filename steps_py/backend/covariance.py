"""Covariances of vectors in groups, and transforms that make two of them diagonal.

Shape suffixes (scope: this module):
    N = vectors   S = speakers   D = dimension
"""

import numpy as np

from steps_py.errors import BackendError, some

_BLOCK_VECTORS = 4096
_RELATIVE_FLOOR = 1e-12


class SpeakerStats:
    """Counts, means and scatter of vectors that belong to speakers, added bit by bit.

    >>> stats = SpeakerStats(dim=1)
    >>> stats.add(np.array([[1.0], [3.0], [7.0]]), np.array([0, 0, 1]))
    >>> stats.num_vectors, stats.num_speakers, stats.counts_S, stats.means_SD.ravel()
    (3, 2, array([2, 1]), array([2., 7.]))
    >>> stats.within_scatter_DD
    array([[2.]])
    """

    def __init__(self, dim: int):
        self._counts_S = np.zeros(0, np.int64)
        self._sums_SD = np.zeros((0, dim))
        self._scatter_DD = np.zeros((dim, dim))

    @classmethod
    def of(cls, x_ND: np.ndarray, speaker_N: np.ndarray) -> "SpeakerStats":
        """Statistics of all vectors at once; `speaker_N` holds names or numbers.

        Raises BackendError if the shapes do not agree or a vector is not finite.
        """
        x_ND = np.asarray(x_ND)
        _, index_N = np.unique(np.asarray(speaker_N), return_inverse=True)
        if x_ND.ndim != 2 or len(x_ND) != len(index_N):
            raise BackendError(
                f"backend: {len(index_N)} speaker labels for x-vectors of shape {x_ND.shape}"
            )
        stats = cls(x_ND.shape[1])
        stats.add(x_ND, index_N)
        return stats

    def add(self, x_ND: np.ndarray, index_N) -> None:
        """Add vectors; `index_N` numbers the speakers they belong to, from 0."""
        index_N = np.asarray(index_N, np.int64)
        self._make_room(int(index_N.max(initial=-1)) + 1)
        for block in range(0, len(x_ND), _BLOCK_VECTORS):
            x = np.asarray(x_ND[block : block + _BLOCK_VECTORS], np.float64)
            index = index_N[block : block + _BLOCK_VECTORS]
            check_finite(x, "x-vectors", first_row=block)
            order = np.argsort(index, kind="stable")
            x, index = x[order], index[order]
            starts = np.flatnonzero(np.diff(index, prepend=-1))
            self._sums_SD[index[starts]] += np.add.reduceat(x, starts, axis=0)
            self._counts_S[index[starts]] += np.diff(starts, append=len(index))
            self._scatter_DD += x.T @ x

    def _make_room(self, num_speakers):
        if num_speakers > len(self._counts_S):
            more = max(num_speakers, 2 * len(self._counts_S)) - len(self._counts_S)
            self._counts_S = np.pad(self._counts_S, (0, more))
            self._sums_SD = np.pad(self._sums_SD, ((0, more), (0, 0)))

    @property
    def dim(self) -> int:
        return len(self._scatter_DD)

    @property
    def num_vectors(self) -> int:
        return int(self._counts_S.sum())

    @property
    def num_speakers(self) -> int:
        """Speakers that have a vector."""
        return int(np.count_nonzero(self._counts_S))

    @property
    def counts_S(self) -> np.ndarray:
        return self._counts_S[self._counts_S > 0]

    @property
    def means_SD(self) -> np.ndarray:
        seen_S = self._counts_S > 0
        return self._sums_SD[seen_S] / self._counts_S[seen_S, np.newaxis]

    @property
    def mean_D(self) -> np.ndarray:
        """Mean of all vectors."""
        return self._sums_SD.sum(axis=0) / self.num_vectors

    @property
    def total_scatter_DD(self) -> np.ndarray:
        """Sum of ``x x^T`` over all vectors, about the origin."""
        return self._scatter_DD

    @property
    def between_scatter_DD(self) -> np.ndarray:
        """Sum of ``n m m^T`` over the speakers' means m of n vectors."""
        means_SD = self.means_SD
        return (means_SD * self.counts_S[:, np.newaxis]).T @ means_SD

    @property
    def within_scatter_DD(self) -> np.ndarray:
        """Sum of ``(x - m) (x - m)^T`` over all vectors, m being the speaker's mean."""
        return self.total_scatter_DD - self.between_scatter_DD


def check_finite(x_ND: np.ndarray, name: str, first_row: int = 0) -> None:
    """BackendError that names the rows with nan or infinity, if there are any."""
    if not np.isfinite(x_ND.sum()):  # cheap, and only overflow or a bad value gets here
        bad = np.flatnonzero(~np.isfinite(x_ND).all(axis=1)) + first_row
        if bad.size:
            raise BackendError(
                f"backend: {name} are not finite in rows {some(bad)}. Remove these utterances,"
                " or find what made nan of them."
            )


def whitening_transform(
    covar_DD: np.ndarray, relative_floor: float = _RELATIVE_FLOOR
) -> tuple[np.ndarray, int]:
    """P with ``P covar P^T = I``, and how many eigenvalues had to be floored.

    Eigenvalues below `relative_floor` times the largest are raised to that: where the
    data say nothing, the transform stays finite.  Rows go with falling eigenvalues.

    >>> whitening_transform(np.diag([4.0, 1.0]))[0]
    array([[0.5, 0. ],
           [0. , 1. ]])
    """
    value_D, vector_DD = eigh_falling(covar_DD)
    if not value_D[0] > 0:
        raise BackendError(
            "backend: the covariance to be made unit is zero. Are all vectors alike?"
        )
    floor = relative_floor * value_D[0]
    num_floored = int(np.count_nonzero(value_D < floor))
    return vector_DD.T / np.sqrt(np.maximum(value_D, floor))[:, np.newaxis], num_floored


def diagonalize(within_DD: np.ndarray, between_DD: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """V and psi with ``V within V^T = I`` and ``V between V^T = diag(psi)``.

    psi falls and is >= 0.  V is unique up to the signs of its rows, if no two psi are
    equal.

    >>> diagonalize(np.diag([1.0, 4.0]), np.diag([2.0, 40.0]))
    (array([[0. , 0.5],
           [1. , 0. ]]), array([10.,  2.]))
    """
    whiten_DD, _ = whitening_transform(within_DD)
    psi_D, rotation_DD = eigh_falling(whiten_DD @ between_DD @ whiten_DD.T)
    return rotation_DD.T @ whiten_DD, np.maximum(psi_D, 0.0)


def eigh_falling(a_DD: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues of a symmetric matrix from the largest down, eigenvectors as columns.

    The largest component of each vector is made positive, so that the result does not
    depend on the whims of a LAPACK.
    """
    check_finite(a_DD, "covariances")
    value_D, vector_DD = np.linalg.eigh((a_DD + a_DD.T) / 2)
    order = np.argsort(-value_D, kind="stable")
    vector_DD = vector_DD[:, order]
    largest = np.argmax(np.abs(vector_DD), axis=0)
    sign_D = np.sign(vector_DD[largest, np.arange(len(largest))])
    return value_D[order], vector_DD * sign_D
