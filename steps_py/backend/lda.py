"""Linear discriminant analysis: the directions in which speakers differ most.

Shape suffixes (scope: this module):
    N = vectors   D = their dimension   L = kept dimensions

Parity: Kaldi ``src/ivectorbin/ivector-compute-lda.cc``.
"""

import numpy as np

from steps_py.backend.covariance import SpeakerStats, eigh_falling, whitening_transform
from steps_py.errors import BackendError


class Lda:
    r"""Projection to `dim` dimensions that keeps the most between-speaker variance.

    With W and T the within-speaker and total covariance, and B = T - W, the vectors are
    first transformed by P, which makes ``f T + (1 - f) W`` unit, and then projected on
    the leading eigenvectors of ``P B P^T``.

    Parameters
    ----------
    dim : int
        Dimensions to keep.  S speakers span S - 1 directions; any further ones hold no
        information on speakers.
    total_covariance_factor : float
        f: 0 makes the within-speaker covariance unit, 1 the total.
    covariance_floor : float
        Eigenvalues of ``f T + (1 - f) W`` are at least this times the largest.

    Attributes
    ----------
    mean_D : float64, mean of the training vectors; it is mapped to zero
    transform_LD : float64, the projection
    eigenvalues_D : float64, those of ``P B P^T``, falling; with f = 0 they are the
        between-to-within variance ratios
    num_floored : int, eigenvalues that were raised to the floor

    Examples
    --------
    Speakers differ in the first coordinate, utterances of a speaker in the second:

    >>> x_ND = np.array([[-1.0, 2.0], [-1.0, -2.0], [1.0, 2.0], [1.0, -2.0]])
    >>> lda = Lda(dim=1, total_covariance_factor=1.0).fit(x_ND, ["a", "a", "b", "b"])
    >>> lda.transform(x_ND).ravel()
    array([-1., -1.,  1.,  1.])
    """

    def __init__(
        self, dim: int = 100, total_covariance_factor: float = 0.0, covariance_floor: float = 1e-6
    ):
        if not covariance_floor >= 0:
            raise BackendError(f"LDA: the covariance floor must be >= 0, got {covariance_floor:g}")
        self.dim = dim
        self.total_covariance_factor = total_covariance_factor
        self.covariance_floor = covariance_floor

    def fit(self, x_ND: np.ndarray, speaker_N: np.ndarray) -> "Lda":
        """Estimate from vectors (N, D) and the names of their N speakers; returns self.

        Raises
        ------
        BackendError
            If `dim` exceeds D, there are fewer vectors than dimensions, one speaker
            only, no speaker with two vectors, or a vector is not finite.
        """
        return self.fit_stats(SpeakerStats.of(x_ND, speaker_N))

    def fit_stats(self, stats: SpeakerStats) -> "Lda":
        """`fit` when the SpeakerStats of the vectors are known."""
        self._check(stats)
        self.mean_D = stats.mean_D
        total_DD = stats.total_scatter_DD / stats.num_vectors - np.outer(self.mean_D, self.mean_D)
        within_DD = stats.within_scatter_DD / stats.num_vectors

        f = self.total_covariance_factor
        whiten_DD, self.num_floored = whitening_transform(
            f * total_DD + (1 - f) * within_DD, self.covariance_floor
        )
        self.eigenvalues_D, vector_DD = eigh_falling(
            whiten_DD @ (total_DD - within_DD) @ whiten_DD.T
        )
        self.transform_LD = vector_DD[:, : self.dim].T @ whiten_DD
        return self

    def transform(self, x_ND: np.ndarray) -> np.ndarray:
        """Centre and project vectors (N, D); float64 of shape (N, L)."""
        return (np.asarray(x_ND) - self.mean_D) @ self.transform_LD.T

    def affine(self) -> np.ndarray:
        """Projection and offset as Kaldi stores them: shape (L, D + 1), offset last."""
        offset_L = -self.transform_LD @ self.mean_D
        return np.concatenate([self.transform_LD, offset_L[:, np.newaxis]], axis=1)

    def _check(self, stats):
        num_vectors, num_speakers, dim = stats.num_vectors, stats.num_speakers, stats.dim
        if num_vectors == 0:
            raise BackendError("LDA: no x-vectors to train on")
        if not 0 < self.dim <= dim:
            raise BackendError(f"LDA: cannot keep {self.dim} of {dim} dimensions. Lower the dim.")
        if num_vectors < dim:
            raise BackendError(
                f"LDA: {num_vectors} x-vectors are too few for {dim} dimensions. Train on more."
            )
        if num_speakers < 2:
            raise BackendError("LDA: all x-vectors belong to one speaker. At least two are needed.")
        if num_speakers == num_vectors:
            raise BackendError(
                f"LDA: each of the {num_speakers} speakers has one x-vector only. The"
                " within-speaker covariance needs speakers with two or more."
            )


class Pca:
    """Principal components of vectors, whatever their speakers.

    Attributes after `fit`: `mean_D`, `variances_D` (falling), `transform_DD` (rows are
    the components).  Parity: Kaldi ``src/bin/est-pca.cc``.

    >>> pca = Pca().fit(np.array([[0.0, 3.0], [2.0, 3.0]]))
    >>> pca.variances_D, pca.transform_DD
    (array([1., 0.]), array([[1., 0.],
           [0., 1.]]))
    """

    def fit(self, x_ND: np.ndarray) -> "Pca":
        """Estimate from vectors (N, D); returns self."""
        return self.fit_stats(SpeakerStats.of(x_ND, np.zeros(len(x_ND), np.int64)))

    def fit_stats(self, stats: SpeakerStats) -> "Pca":
        """`fit` when the SpeakerStats of the vectors are known."""
        if stats.num_vectors == 0:
            raise BackendError("PCA: no vectors to train on")
        self.mean_D = stats.mean_D
        covar_DD = stats.total_scatter_DD / stats.num_vectors - np.outer(self.mean_D, self.mean_D)
        self.variances_D, vector_DD = eigh_falling(covar_DD)
        self.transform_DD = vector_DD.T
        return self
