r"""Maximum-likelihood estimation of a PLDA model by expectation maximisation.

Model, after centring.  The mean of a speaker's n utterances is ``m = y + e``, with

    y ~ N(0, B)   the speaker,   e ~ N(0, W / n)   what is left of the within-speaker noise,

and deviations of utterances from their speaker's mean have a scatter that depends on W
only.  Both the deviations and the means are observed; y is hidden.

E-step.  Given m, y is Gaussian with covariance ``C = inv(inv(B) + n inv(W))`` and mean
``w = C n inv(W) m``; e = m - y has the same covariance and mean ``m - w``.

M-step.  B is the mean of ``w w^T + C`` over speakers.  W is the scatter of the deviations
plus ``n ((m - w) (m - w)^T + C)`` summed over speakers, divided by the number of vectors.
(A speaker with n utterances gives n - 1 deviations' worth of evidence, and its mean one
more: hence the number of vectors.)

Computation.  In the space where W = I and B = diag(psi), the E-step is elementwise:

    C = diag(psi / (1 + n psi)),   w = n psi / (1 + n psi) m,

for every n at once, without inverting B: a direction in which speakers do not differ
(psi = 0) is as good as any other.  So each iteration works in the space of the last
one's model, and ends by diagonalising the new W and B.

Shape suffixes (scope: this module):
    S = speakers   D = x-vector dimension

Reference: S. Ioffe, "Probabilistic Linear Discriminant Analysis", ECCV 2006, for the
model; the EM equations are those of Kaldi's ``src/ivector/plda.cc``.
"""

import numpy as np

from steps_py.backend.covariance import SpeakerStats, diagonalize
from steps_py.backend.plda import Plda
from steps_py.errors import BackendError


def fit_plda(x_ND: np.ndarray, speaker_N: np.ndarray, num_em_iters: int = 10) -> Plda:
    """The Plda of vectors (N, D) and the names of their N speakers.

    Raises BackendError where `PldaEstimator` does.

    Examples
    --------
    Speakers far apart, utterances close together: psi is the ratio of the variances.

    >>> rng = np.random.default_rng(0)
    >>> speaker_N = np.repeat(np.arange(500), 10)
    >>> x_N1 = 3 * rng.normal(size=(500, 1))[speaker_N] + rng.normal(size=(5000, 1))
    >>> plda = fit_plda(x_N1, speaker_N)
    >>> bool(abs(plda.psi_D[0] - 9) < 1)
    True
    """
    return PldaEstimator(SpeakerStats.of(x_ND, speaker_N)).estimate(num_em_iters)


class PldaEstimator:
    """EM on the statistics of labelled vectors, one `step` at a time.

    Starts from W = B = I.  Raises BackendError if the statistics cannot determine a
    model: no more vectors than dimensions, one speaker, or one vector of each speaker.

    >>> stats = SpeakerStats.of(np.array([[0.0], [2.0], [9.0], [10.0]]), ["a", "a", "b", "b"])
    >>> estimator = PldaEstimator(stats)
    >>> before = estimator.log_likelihood()
    >>> estimator.step()
    >>> bool(estimator.log_likelihood() > before)
    True
    """

    def __init__(self, stats: SpeakerStats):
        _check_enough(stats)
        counts_S, means_SD = stats.counts_S, stats.means_SD
        self._n_S1 = counts_S[:, np.newaxis].astype(np.float64)
        self._num_vectors = stats.num_vectors
        self._mean_D = means_SD.mean(axis=0)  # every speaker counts the same
        self._means_SD = means_SD - self._mean_D
        self._scatter_DD = stats.within_scatter_DD
        self._transform_DD = np.eye(stats.dim)  # takes W to I
        self._psi_D = np.ones(stats.dim)  # and B to diag(psi)

    def estimate(self, num_em_iters: int = 10) -> Plda:
        """The model after that many steps."""
        for _ in range(num_em_iters):
            self.step()
        return self.model()

    def model(self) -> Plda:
        return Plda(self._mean_D, self._transform_DD, self._psi_D)

    def step(self) -> None:
        """One E-step and one M-step; the likelihood does not fall."""
        n_S1, psi_D = self._n_S1, self._psi_D
        m_SD, scatter_DD = self._in_current_space()
        variance_SD = psi_D / (1 + n_S1 * psi_D)
        w_SD = n_S1 * variance_SD * m_SD
        rest_SD = m_SD - w_SD

        between_DD = w_SD.T @ w_SD + np.diag(variance_SD.sum(axis=0))
        within_DD = (
            scatter_DD + (n_S1 * rest_SD).T @ rest_SD + np.diag((n_S1 * variance_SD).sum(axis=0))
        )
        update_DD, self._psi_D = diagonalize(within_DD / self._num_vectors, between_DD / len(n_S1))
        self._transform_DD = update_DD @ self._transform_DD

    def log_likelihood(self) -> float:
        """Log-likelihood per vector of what was observed, in nats."""
        m_SD, scatter_DD = self._in_current_space()
        num_speakers, dim = m_SD.shape
        log_volume = np.linalg.slogdet(self._transform_DD)[1]  # W has determinant exp(-2 of it)
        constant = dim * np.log(2 * np.pi) - 2 * log_volume

        deviations = (self._num_vectors - num_speakers) * constant + np.trace(scatter_DD)
        variance_SD = self._psi_D + 1 / self._n_S1
        means = num_speakers * constant + (np.log(variance_SD) + m_SD**2 / variance_SD).sum()
        return -0.5 * (deviations + means) / self._num_vectors

    def traces(self):
        """Traces of the within- and between-speaker covariance, in the x-vectors' space."""
        return tuple(np.trace(covar_DD) for covar_DD in self.model().covariances())

    def _in_current_space(self):
        t_DD = self._transform_DD
        return self._means_SD @ t_DD.T, t_DD @ self._scatter_DD @ t_DD.T


def _check_enough(stats):
    num_vectors, num_speakers = stats.num_vectors, stats.num_speakers
    if num_vectors == 0:
        raise BackendError("PLDA: no x-vectors to train on")
    if num_vectors <= stats.dim:
        raise BackendError(
            f"PLDA: {num_vectors} x-vectors are too few for {stats.dim} dimensions. Train on"
            f" more than {stats.dim}, or reduce the dimension by LDA."
        )
    if num_speakers < 2:
        raise BackendError("PLDA: all x-vectors belong to one speaker. At least two are needed.")
    if num_speakers == num_vectors:
        raise BackendError(
            f"PLDA: each of the {num_speakers} speakers has one x-vector only. Without speakers"
            " that have several, within- and between-speaker variance cannot be told apart."
        )
