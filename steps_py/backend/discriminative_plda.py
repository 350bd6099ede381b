r"""Discriminative PLDA: the form of PLDA's score, its parameters trained on trials.

The log-likelihood ratio of two vectors is

.. math:: s(a, b) = a^T P b + a^T Q a + b^T Q b + c^T (a + b) + k .

For PLDA with mean m, between- and within-speaker covariance B and W, and ``T = B + W``,
``S = T - B T^-1 B``: ``P = T^-1 B S^-1``, ``Q = (T^-1 - S^-1) / 2``, ``c = -(P + 2 Q) m``,
``k = (log|T| - log|S|) / 2 - m^T c``.  From there the prior-weighted cross-entropy of the trials
between training vectors is minimised.

Shape suffixes (scope: this module):
    N = vectors   D = dimension

Reference: L. Burget et al., "Discriminatively trained probabilistic linear discriminant analysis
for speaker verification", ICASSP 2011; J. Rohdin et al., "End-to-end DNN based speaker
recognition inspired by i-vector and PLDA", ICASSP 2018.
"""

from dataclasses import dataclass

import numpy as np

from steps_py.backend.pair_scorers import PairScorer, Side
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

    def __init__(self, parameters):
        self._parameters = parameters

    def enroll(self, x_ND, num_utts_N=None):
        x_ND = np.asarray(x_ND, np.float64)
        offset_N = self._of_one_side(x_ND) + self._parameters.k
        return Side(x_ND @ self._parameters.p_DD, offset_N)

    def test(self, x_ND):
        x_ND = np.asarray(x_ND, np.float64)
        return Side(x_ND, self._of_one_side(x_ND))

    def _of_one_side(self, x_ND):
        square_N = ((x_ND @ self._parameters.q_DD) * x_ND).sum(axis=1)
        return square_N + x_ND @ self._parameters.c_D


def quadratic_of_plda(plda) -> Quadratic:
    """The parameters with which the score is the ratio of a `Plda`, lengths not normalised.

    >>> from steps_py.backend.plda import Plda
    >>> quadratic_of_plda(Plda([0.0], [[1.0]], [1.0])).p_DD.round(6)
    array([[0.333333]])
    """
    return _in_input_space(_initial(plda.psi_D), plda)


def train_quadratic(
    plda, x_ND, speaker_N, p_target=0.01, l2=1e-3, num_iters=50, max_vectors=2000, seed=1
):
    """The parameters after training on the trials between vectors of known speakers.

    Parameters
    ----------
    plda : Plda
        Where the training starts, and what it is drawn back to.
    x_ND : float array of shape (N, D)
    speaker_N : list of N names
    p_target : float
        Prior of a target trial.
    l2 : float
        Weight of the squared difference from the start, in the space in which PLDA's total
        covariance is unit.
    num_iters : int
        Steps of L-BFGS.
    max_vectors : int
        Whole speakers are drawn by the seed until they have this many vectors.

    Returns
    -------
    parameters : Quadratic
    losses : tuple of float
        Cross-entropy in bits, divided by that of the prior alone, before and after.
    """
    from scipy.optimize import minimize  # start-up time

    rows = _drawn(speaker_N, max_vectors, seed)
    u_ND = (np.asarray(x_ND, np.float64)[rows] - plda.mean_D) @ _to_unit(plda).T
    loss = _TrialLoss(u_ND, np.asarray(speaker_N, object)[rows], p_target)
    start = _flat(_initial(plda.psi_D))

    def objective(flat):
        value, gradient = loss(_unflat(flat, plda.dim))
        away = flat - start
        return value + l2 / 2 * (away @ away), _flat(gradient) + l2 * away

    end = start
    if num_iters:
        options = {"maxiter": num_iters}
        end = minimize(objective, start, jac=True, method="L-BFGS-B", options=options).x
    losses = tuple(float(loss(_unflat(flat, plda.dim))[0]) for flat in (start, end))
    return _in_input_space(_unflat(end, plda.dim), plda), losses


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
