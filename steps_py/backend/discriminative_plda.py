r"""Discriminative PLDA: the form of PLDA's score, its parameters trained on trials.

The log-likelihood ratio of two vectors is

.. math:: s(a, b) = a^T P b + a^T Q a + b^T Q b + c^T (a + b) + k .

For PLDA with mean m, between- and within-speaker covariance B and W, and ``T = B + W``,
``S = T - B T^-1 B``: ``P = T^-1 B S^-1``, ``Q = (T^-1 - S^-1) / 2``, ``c = -(P + 2 Q) m``,
``k = (log|T| - log|S|) / 2 - m^T c``.  From there the prior-weighted cross-entropy of the trials
between training vectors is minimised: over P, Q, c and k, or over m, B and W, which keeps a model
that scores enrolments of several utterances.

Shape suffixes (scope: this module):
    N = vectors   D = dimension

Reference: L. Burget et al., "Discriminatively trained probabilistic linear discriminant analysis
for speaker verification", ICASSP 2011; J. Rohdin et al., "End-to-end DNN based speaker
recognition inspired by i-vector and PLDA", ICASSP 2018.
"""

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Literal

import numpy as np

from steps_py.backend.covariance import diagonalize
from steps_py.backend.pair_scorers import PairScorer, Side
from steps_py.backend.plda import Plda
from steps_py.errors import BackendError
from steps_py.files import atomic_write


@dataclass(frozen=True)
class Quadratic:
    """The parameters P, Q, c and k of the score, float64; P and Q are symmetric."""

    p_DD: np.ndarray
    q_DD: np.ndarray
    c_D: np.ndarray
    k: float


class QuadraticScorer(PairScorer):
    """Scores of pairs by a `Quadratic`.

    >>> scorer = QuadraticScorer(Quadratic(np.eye(1), np.zeros((1, 1)), np.array([1.0]), 0.5))
    >>> scorer.all_pairs(scorer.enroll([[2.0]]), scorer.test([[3.0]]))
    array([[11.5]])
    """

    def __init__(self, parameters: Quadratic):
        self._parameters = parameters

    def enroll(self, x_ND: np.ndarray, num_utts_N=None) -> Side:
        x_ND = np.asarray(x_ND, np.float64)
        offset_N = self._of_one_side(x_ND) + self._parameters.k
        return Side(x_ND @ self._parameters.p_DD, offset_N)

    def test(self, x_ND: np.ndarray) -> Side:
        x_ND = np.asarray(x_ND, np.float64)
        return Side(x_ND, self._of_one_side(x_ND))

    def _of_one_side(self, x_ND):
        square_N = ((x_ND @ self._parameters.q_DD) * x_ND).sum(axis=1)
        return square_N + x_ND @ self._parameters.c_D


def quadratic_of_plda(plda: Plda) -> Quadratic:
    """The parameters with which the score is the ratio of a `Plda`, lengths not normalised.

    >>> from steps_py.backend.plda import Plda
    >>> quadratic_of_plda(Plda([0.0], [[1.0]], [1.0])).p_DD.round(6)
    array([[0.333333]])
    """
    return _in_input_space(_initial(plda.psi_D), plda)


def pair_form(
    mean: Any, between: Any, within: Any, linalg: ModuleType = np.linalg
) -> tuple[Any, ...]:
    """P, Q, c and k of the mean and the covariances, as arrays of the library that `linalg` is of.

    The half sum and the half difference of two vectors are independent, with covariances
    ``T + B`` and W for one speaker, and T and T for two.  P is therefore
    ``(W^-1 - (T + B)^-1) / 2`` and Q ``T^-1 / 2 - (W^-1 + (T + B)^-1) / 4``: no matrix has to be
    diagonal.

    >>> pair_form(np.zeros(1), np.eye(1), np.eye(1))[0].round(6)
    array([[0.333333]])
    """
    total = between + within
    of_within, of_sum, of_total = (linalg.inv(x) for x in (within, total + between, total))
    p, q = (of_within - of_sum) / 2, of_total / 2 - (of_within + of_sum) / 4
    c = -(p + 2 * q) @ mean
    log_within, log_sum, log_total = (
        linalg.slogdet(x)[1] for x in (within, total + between, total)
    )
    return p, q, c, log_total - (log_within + log_sum) / 2 - mean @ c


def effective_prior(p_target: float, c_miss: float = 1.0, c_fa: float = 1.0) -> float:
    """The prior with which errors of cost 1 weigh as these.

    >>> effective_prior(0.01, c_miss=99.0)
    0.5
    """
    return c_miss * p_target / (c_miss * p_target + c_fa * (1 - p_target))


@dataclass(frozen=True, kw_only=True)
class Training:
    """How a discriminative PLDA is trained.

    Attributes
    ----------
    p_target : float
        Prior of a target trial, costs of errors included.
    l2 : float
        Weight of half the squared parameters, in the space in which PLDA's total covariance is
        unit.
    l2_to : str
        ``initial``: of their difference from the start; ``zero``: of themselves.
    num_iters : int
        Steps of L-BFGS.
    max_vectors : int
        Whole speakers are drawn by the seed until they have this many vectors.
    seed : int
    """

    p_target: float = 0.01
    l2: float = 1e-3
    l2_to: Literal["initial", "zero"] = "initial"
    num_iters: int = 50
    max_vectors: int = 2000
    seed: int = 1


def train_quadratic(
    plda: Plda, x_ND: np.ndarray, speaker_N: np.ndarray, training: Training = Training()
) -> tuple[Quadratic, tuple[float, float]]:
    """The parameters P, Q, c and k after training on the trials between labelled vectors.

    Parameters
    ----------
    plda : Plda
        Where the training starts.
    x_ND : float array of shape (N, D)
    speaker_N : list of N names
    training : Training

    Returns
    -------
    parameters : Quadratic
    losses : tuple of float
        Cross-entropy divided by that of the prior alone, before and after.
    """
    loss = _loss_of(plda, x_ND, speaker_N, training)

    def of_flat(flat):
        value, gradient = loss(_unflat(flat, plda.dim))
        return value, _flat(gradient)

    end, losses = _minimised(of_flat, _flat(_initial(plda.psi_D)), training)
    return _in_input_space(_unflat(end, plda.dim), plda), losses


def train_covariances(
    plda: Plda, x_ND: np.ndarray, speaker_N: np.ndarray, training: Training = Training()
) -> tuple[Plda, tuple[float, float]]:
    """The PLDA after training its mean and covariances on the trials between labelled vectors.

    Parameters and losses are those of `train_quadratic`.  The factors of both covariances are
    trained, so that they stay covariances.
    """
    loss = _loss_of(plda, x_ND, speaker_N, training)

    def of_flat(flat):
        mean_D, between_DD, within_DD = _unflat_factors(flat, plda.dim)
        covariances = between_DD @ between_DD.T, within_DD @ within_DD.T
        p, q, c, k = pair_form(mean_D, *covariances)
        value, gradient = loss(Quadratic(p, q, c, float(k)))
        of_mean_D, of_between_DD, of_within_DD = _of_covariances(gradient, mean_D, *covariances)
        factors = 2 * of_between_DD @ between_DD, 2 * of_within_DD @ within_DD
        return value, np.concatenate([of_mean_D, *(x.ravel() for x in factors)])

    scales = (np.sqrt(x / (1 + plda.psi_D)) for x in (plda.psi_D, 1.0))
    start = np.concatenate([np.zeros(plda.dim), *(np.diag(x).ravel() for x in scales)])
    end, losses = _minimised(of_flat, start, training)
    mean_D, between_DD, within_DD = _unflat_factors(end, plda.dim)
    back_DD = np.linalg.inv(_to_unit(plda))
    between_DD, within_DD = (back_DD @ x @ x.T @ back_DD.T for x in (between_DD, within_DD))
    return Plda(plda.mean_D + back_DD @ mean_D, *diagonalize(within_DD, between_DD)), losses


def _loss_of(plda, x_ND, speaker_N, training):
    rows = _drawn(speaker_N, training.max_vectors, training.seed)
    u_ND = (np.asarray(x_ND, np.float64)[rows] - plda.mean_D) @ _to_unit(plda).T
    return _TrialLoss(u_ND, np.asarray(speaker_N, object)[rows], training.p_target)


def _minimised(loss: Callable[[Any], tuple], start, training):
    """The parameters of least loss, as one array, and the loss before and after."""
    from scipy.optimize import minimize  # start-up time

    centre = start if training.l2_to == "initial" else 0 * start

    def objective(flat):
        value, gradient = loss(flat)
        away = flat - centre
        return value + training.l2 / 2 * (away @ away), gradient + training.l2 * away

    end = start
    if training.num_iters:
        options = {"maxiter": training.num_iters}
        end = minimize(objective, start, jac=True, method="L-BFGS-B", options=options).x
    return end, tuple(float(loss(flat)[0]) for flat in (start, end))


def _of_covariances(gradient, mean_D, between_DD, within_DD):
    """The gradient with respect to the arguments of `pair_form`, from that of its results."""
    total_DD = between_DD + within_DD
    of_within, of_sum, of_total = map(np.linalg.inv, (within_DD, total_DD + between_DD, total_DD))
    square_DD = of_total - of_sum  # P + 2 Q, which c = -(P + 2 Q) m and k = ... - m c depend on
    by_c_D = gradient.c_D - gradient.k * mean_D
    by_square_DD = -(np.outer(by_c_D, mean_D) + np.outer(mean_D, by_c_D)) / 2
    of_mean_D = -square_DD @ by_c_D + gradient.k * square_DD @ mean_D
    by_p_DD, by_q_DD = gradient.p_DD + by_square_DD, gradient.q_DD + 2 * by_square_DD

    def of_inverse(inverse_DD, by_inverse_DD, by_log_determinant):
        return by_log_determinant * inverse_DD - inverse_DD @ by_inverse_DD @ inverse_DD

    by_within = of_inverse(of_within, by_p_DD / 2 - by_q_DD / 4, -gradient.k / 2)
    by_sum = of_inverse(of_sum, -by_p_DD / 2 - by_q_DD / 4, -gradient.k / 2)
    by_total = of_inverse(of_total, by_q_DD / 2, gradient.k)
    return of_mean_D, by_total + 2 * by_sum, by_total + by_sum + by_within


def write_quadratic(path, parameters):
    """Write the parameters as a NumPy archive; it appears whole or not at all."""
    with atomic_write(path, "wb") as file:
        p, q, c, k = parameters.p_DD, parameters.q_DD, parameters.c_D, parameters.k
        np.savez(file, p=p, q=q, c=c, k=k)


def read_quadratic(path) -> Quadratic:
    """The parameters in a file of `write_quadratic`."""
    with np.load(path) as arrays:
        return Quadratic(arrays["p"], arrays["q"], arrays["c"], float(arrays["k"]))


class _TrialLoss:
    """The weighted cross-entropy of all trials between vectors, and its gradient."""

    def __init__(self, u_ND, speakers, p_target):
        self._u_ND = u_ND
        same_NN = speakers[:, np.newaxis] == speakers
        other_NN = ~same_NN
        np.fill_diagonal(same_NN, False)
        num_targets, num_nontargets = same_NN.sum(), other_NN.sum()
        if not num_targets or not num_nontargets:
            raise BackendError(
                "dplda: trials of both kinds need two speakers, one of them with two vectors."
            )
        entropy = -(p_target * np.log(p_target) + (1 - p_target) * np.log1p(-p_target))
        self._sign_NN = np.where(same_NN, 1.0, -1.0)
        self._weight_NN = (
            same_NN * (p_target / num_targets) + other_NN * ((1 - p_target) / num_nontargets)
        ) / entropy
        self._logit = np.log(p_target / (1 - p_target))

    def __call__(self, parameters):
        u_ND, scorer = self._u_ND, QuadraticScorer(parameters)
        score_NN = scorer.all_pairs(scorer.enroll(u_ND), scorer.test(u_ND))
        margin_NN = self._sign_NN * (score_NN + self._logit)
        value = float((self._weight_NN * np.logaddexp(0, -margin_NN)).sum())
        slope_NN = -self._weight_NN * self._sign_NN * np.exp(-np.logaddexp(0, margin_NN))
        side_N = slope_NN.sum(axis=0) + slope_NN.sum(axis=1)
        of_p_DD = u_ND.T @ slope_NN @ u_ND
        gradient = Quadratic(
            (of_p_DD + of_p_DD.T) / 2,
            (u_ND.T * side_N) @ u_ND,
            u_ND.T @ side_N,
            float(slope_NN.sum()),
        )
        return value, gradient


def _drawn(speaker_N, max_vectors, seed):
    """Rows of whole speakers, drawn until they are `max_vectors`."""
    _, index_N = np.unique(np.asarray(speaker_N), return_inverse=True)
    order = np.random.default_rng(seed).permutation(index_N.max() + 1)
    taken = np.cumsum(np.bincount(index_N)[order]) <= max_vectors
    taken[:2] = True
    return np.flatnonzero(np.isin(index_N, order[taken]))


def _initial(psi_D):
    """The parameters of PLDA in the space in which the total covariance is unit, the mean zero."""
    between_D = psi_D / (1 + psi_D)
    rest_D = 1 - between_D**2  # S
    zero_D = np.zeros(len(psi_D))
    k = float(-0.5 * np.log(rest_D).sum())
    return Quadratic(np.diag(between_D / rest_D), np.diag(0.5 - 0.5 / rest_D), zero_D, k)


def _to_unit(plda):
    return plda.transform_DD / np.sqrt(1 + plda.psi_D)[:, np.newaxis]


def _in_input_space(parameters, plda):
    """The same score as a function of x, where the parameters are of ``u = A (x - mean)``."""
    a_DD, mean_D = _to_unit(plda), plda.mean_D
    p_DD, q_DD = (a_DD.T @ matrix @ a_DD for matrix in (parameters.p_DD, parameters.q_DD))
    linear_D = a_DD.T @ parameters.c_D
    square = mean_D @ (p_DD + 2 * q_DD) @ mean_D
    c_D = linear_D - (p_DD + 2 * q_DD) @ mean_D
    return Quadratic(p_DD, q_DD, c_D, float(parameters.k - 2 * linear_D @ mean_D + square))


def _flat(parameters):
    parts = parameters.p_DD.ravel(), parameters.q_DD.ravel(), parameters.c_D, [parameters.k]
    return np.concatenate(parts)


def _unflat(flat, dim):
    p, q, c, k = np.split(flat, [dim**2, 2 * dim**2, 2 * dim**2 + dim])
    return Quadratic(p.reshape(dim, dim), q.reshape(dim, dim), c, float(k[0]))


def _unflat_factors(flat, dim):
    mean_D, between, within = np.split(flat, [dim, dim + dim**2])
    return mean_D, between.reshape(dim, dim), within.reshape(dim, dim)
