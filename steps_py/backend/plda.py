"""Two-covariance PLDA in Kaldi's parametrisation.

Model.  An x-vector is ``mean + inv(transform) @ (y + e)`` with speaker factor
``y ~ N(0, diag(psi))`` and residual ``e ~ N(0, I)``: ``transform`` makes the
within-speaker covariance unit and the between-speaker covariance diagonal.

Shape suffixes (scope: this module):
    N = vectors   E = enrolled speakers   T = test utterances   D = x-vector dimension
    G = distinct numbers of enrolment utterances

Reference: S. Ioffe, "Probabilistic Linear Discriminant Analysis", ECCV 2006.
Parity: Kaldi ``src/ivector/plda.cc``.
"""

from typing import NamedTuple

import numpy as np

from steps_py.backend.covariance import check_finite, diagonalize
from steps_py.errors import BackendError, some


class Plda:
    """A PLDA model: transform vectors with it, score with it; `plda_em.fit_plda` estimates it.

    Attributes
    ----------
    mean_D : float64, the mean of x-vectors over speakers
    transform_DD : float64, see the module's docstring
    psi_D : float64, between-speaker variances in the transformed space, falling
    """

    def __init__(self, mean_D: np.ndarray, transform_DD: np.ndarray, psi_D: np.ndarray):
        self.mean_D, self.transform_DD, self.psi_D = (
            np.asarray(x, np.float64) for x in (mean_D, transform_DD, psi_D)
        )
        dim = self.mean_D.shape
        if len(dim) != 1 or self.psi_D.shape != dim or self.transform_DD.shape != dim * 2:
            raise BackendError(
                f"PLDA: mean, transform and psi have shapes {self.mean_D.shape},"
                f" {self.transform_DD.shape} and {self.psi_D.shape}, expected (D), (D, D) and (D)"
            )

    @property
    def dim(self) -> int:
        return len(self.mean_D)

    def transform(
        self,
        x_ND: np.ndarray,
        num_utts: np.ndarray | int = 1,
        normalize_length: bool = True,
        simple_length_norm: bool = False,
    ) -> np.ndarray:
        """Take x-vectors to the space in which `log_likelihood_ratio` works.

        Parameters
        ----------
        x_ND : float array of shape (N, D)
            x-vectors, or means over the utterances of a speaker.
        num_utts : int or int array of shape (N,)
            How many utterances were averaged into each of them.
        normalize_length : bool
            Scale each vector by `length_factors`.
        simple_length_norm : bool
            Normalise to length sqrt(D), whatever the model expects.

        Returns
        -------
        u_ND : float64 array of shape (N, D)
        """
        x_ND = np.asarray(x_ND, np.float64)
        _check_vectors(x_ND, "input", self.dim)
        u_ND = (x_ND - self.mean_D) @ self.transform_DD.T
        if normalize_length:
            u_ND *= self.length_factors(u_ND, num_utts, simple_length_norm)[:, np.newaxis]
        return u_ND

    def length_factors(
        self, u_ND: np.ndarray, num_utts: np.ndarray | int = 1, simple_length_norm: bool = False
    ) -> np.ndarray:
        """What to multiply transformed vectors by, so that they have the length they should.

        The mean u of n utterances has covariance ``diag(psi) + I / n``, so that
        ``u^T inv(diag(psi) + I / n) u`` should be D, and the factor makes it so.
        A vector of zeros gets 1.
        """
        n_N1 = np.broadcast_to(np.asarray(num_utts, np.float64), len(u_ND))[:, np.newaxis]
        if not (n_N1 >= 1).all():
            raise BackendError(f"PLDA: utterance counts must be >= 1, got {n_N1.min():g}")
        variance_ND = np.ones(self.dim) if simple_length_norm else self.psi_D + 1 / n_N1
        energy_N = (u_ND**2 / variance_ND).sum(axis=1)
        return np.sqrt(self.dim / np.where(energy_N == 0, self.dim, energy_N))

    def score(
        self, enroll_ED: np.ndarray, num_utts_E: np.ndarray, test_TD: np.ndarray
    ) -> np.ndarray:
        """`log_likelihood_ratio` of transformed vectors; shape (E, T)."""
        return log_likelihood_ratio(enroll_ED, num_utts_E, test_TD, self.psi_D)

    def smoothed(self, factor: float) -> "Plda":
        """A model whose within-speaker covariance is larger by `factor` times the between.

        For training sets with too few utterances per speaker, whose leading psi come
        out too large.  Both covariances stay diagonal: only scales change.
        """
        if not 0 <= factor <= 1:
            raise BackendError(f"PLDA: smoothing must lie between 0 and 1, got {factor:g}")
        within_D = 1 + factor * self.psi_D
        transform_DD = self.transform_DD / np.sqrt(within_D)[:, np.newaxis]
        return Plda(self.mean_D, transform_DD, self.psi_D / within_D)

    def covariances(self) -> tuple[np.ndarray, np.ndarray]:
        """Within- and between-speaker covariance in the space of the x-vectors, (D, D) each."""
        inverse_DD = np.linalg.inv(self.transform_DD)
        return inverse_DD @ inverse_DD.T, (inverse_DD * self.psi_D) @ inverse_DD.T

    def projected(self, projection_KD: np.ndarray) -> "Plda":
        """The model of projected x-vectors ``projection @ x``, of K <= D dimensions."""
        within_DD, between_DD = self.covariances()
        transform_KK, psi_K = diagonalize(
            projection_KD @ within_DD @ projection_KD.T,
            projection_KD @ between_DD @ projection_KD.T,
        )
        return Plda(projection_KD @ self.mean_D, transform_KK, psi_K)


def log_likelihood_ratio(
    enroll_ED: np.ndarray, num_utts_E: np.ndarray, test_TD: np.ndarray, psi_D: np.ndarray
) -> np.ndarray:
    r"""Score every enrolled speaker against every test utterance.

    For an enrolment vector that is the mean of ``n`` utterances of a speaker,
    the test vector is distributed, per dimension, as

    .. math::
        t \mid \text{same}      &\sim \mathcal N\bigl(\tfrac{n\psi}{n\psi+1}\,\bar e,\;
                                       1 + \tfrac{\psi}{n\psi+1}\bigr) \\
        t \mid \text{different} &\sim \mathcal N(0,\; 1 + \psi)

    (Ioffe 2006, the unnumbered equation between (4) and (5)); the score is the
    log of the ratio of the two densities, summed over dimensions.

    Parameters
    ----------
    enroll_ED : float array of shape (E, D)
        Speaker means of *transformed* x-vectors: centred, multiplied by
        ``transform`` and, if the recipe asks for it, length-normalised.
    num_utts_E : int array of shape (E,)
        Number of utterances averaged into each row of `enroll_ED`; all >= 1.
    test_TD : float array of shape (T, D)
        Transformed x-vectors of single utterances.
    psi_D : float array of shape (D,)
        Between-speaker variances in the transformed space; all >= 0.

    Returns
    -------
    llr_ET : float64 array of shape (E, T)
        Log-likelihood ratios in nats.  Positive favours "same speaker"; the
        Bayes threshold is ``log((1 - p_target) / p_target)`` for unit costs,
        but only if the scores are calibrated.

    Raises
    ------
    BackendError
        If a dimension differs from ``len(psi_D)``, a count is below 1, a
        variance is negative, or any input is not finite.

    Notes
    -----
    Computed in float64 whatever the input type: the square is expanded, and its
    three terms nearly cancel when a test vector lies close to the mean.  Cost is
    two (E, D) x (D, T) products.  With ``num_utts = 1`` the score is symmetric.

    Examples
    --------
    >>> import numpy as np
    >>> llr = log_likelihood_ratio(np.array([[1.0]]), np.array([1]),
    ...                            np.array([[1.0], [-1.0]]), np.array([1.0]))
    >>> np.round(llr, 6)
    array([[ 0.310508, -0.356159]])
    """
    terms = llr_terms(enroll_ED, num_utts_E, test_TD, psi_D)
    quadratic_ET = terms.quadratic_GT[terms.group_E]
    return terms.linear_ED @ terms.test_TD.T - 0.5 * (quadratic_ET + terms.constant_E1)


class LlrTerms(NamedTuple):
    """``llr = linear . t - (quadratic + constant) / 2`` for an enrolled speaker and a test t.

    The quadratic term depends on the speaker only through the number of utterances, so it
    is kept for each of the G distinct numbers; `group_E` says which is whose.
    """

    linear_ED: np.ndarray
    test_TD: np.ndarray
    quadratic_GT: np.ndarray
    group_E: np.ndarray
    constant_E1: np.ndarray


def llr_terms(
    enroll_ED: np.ndarray, num_utts_E: np.ndarray, test_TD: np.ndarray, psi_D: np.ndarray
) -> LlrTerms:
    """Check the input of `log_likelihood_ratio` and work out its terms, in float64."""
    enroll_ED, num_utts_E, test_TD, psi_D = (
        np.asarray(x, dtype=np.float64) for x in (enroll_ED, num_utts_E, test_TD, psi_D)
    )
    _check_llr_input(enroll_ED, num_utts_E, test_TD, psi_D)
    n_G, group_E = np.unique(num_utts_E, return_inverse=True)
    n_G1 = n_G[:, np.newaxis]

    gain_GD = n_G1 * psi_D / (n_G1 * psi_D + 1.0)  # mean given the speaker: gain * enroll
    same_var_GD = 1.0 + psi_D / (n_G1 * psi_D + 1.0)
    diff_var_D = 1.0 + psi_D

    # sum_d (t - mean)^2 / same_var - t^2 / diff_var + log(same_var / diff_var), in powers of t
    quadratic_GT = (1.0 / same_var_GD - 1.0 / diff_var_D) @ (test_TD**2).T
    linear_ED = (gain_GD / same_var_GD)[group_E] * enroll_ED
    constant_E = np.einsum("ed,ed,ed->e", linear_ED, gain_GD[group_E], enroll_ED)
    constant_E += np.log(same_var_GD / diff_var_D).sum(axis=1)[group_E]
    return LlrTerms(linear_ED, test_TD, quadratic_GT, group_E, constant_E[:, np.newaxis])


def _check_llr_input(enroll_ED, n_E, test_TD, psi_D):
    for name, x in (("enrolment", enroll_ED), ("test", test_TD)):
        _check_vectors(x, name, psi_D.shape[0])
    if n_E.shape != enroll_ED.shape[:1]:
        raise BackendError(
            f"PLDA: {n_E.size} utterance counts for {enroll_ED.shape[0]} enrolled speakers"
        )
    if not (n_E >= 1).all():
        raise BackendError(
            f"PLDA: utterance counts must be >= 1; below 1 in rows"
            f" {some(np.flatnonzero(~(n_E >= 1)))}"
        )
    if not np.isfinite(psi_D).all() or (psi_D < 0).any():
        raise BackendError(
            "PLDA: between-speaker variances must be finite and >= 0; smallest is"
            f" {psi_D.min():g}. Retrain the PLDA: its input was rank-deficient."
        )


def _check_vectors(x, name, dim):
    if x.ndim != 2 or x.shape[1] != dim:
        raise BackendError(
            f"PLDA: {name} x-vectors have shape {x.shape}, the model expects"
            f" (*, {dim}). Was the LDA transform applied to them?"
        )
    check_finite(x, f"{name} x-vectors")
