"""Variational Bayes for a hidden Markov model whose states are speakers, with PLDA as their prior.

Speakers say windows in turns: a window has the speaker of the one before with a given probability,
else one drawn by the speakers' shares.  A speaker's x-vectors are Gaussian about a mean that PLDA's
between-speaker covariance generates.  Shares of speakers who are not needed fall to zero.

Shape suffixes (scope: this module):
    N = windows in order of time   S = speakers   D = dimension

Source: Landini, Profant, Diez and Burget, "Bayesian HMM clustering of x-vector sequences (VBx) in
speaker diarization" (2022); numbers in comments are those of its equations.
Parity: VBx, also in what it adds to probabilities before logarithms.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.special import logsumexp

FLOOR = 1e-8  # added to probabilities of transitions and of the first speaker


@dataclass(frozen=True, kw_only=True)
class VbConfig:
    """Parameters of the model and of its estimation."""

    acoustic_scale: float = 0.3
    """Fa: weight of the windows, which overlap and are not independent."""
    speaker_scale: float = 17.0
    """Fb: weight of the prior of speakers; higher values give fewer speakers."""
    loop_probability: float = 0.99
    """Of the speaker of the window before."""
    max_iters: int = 40
    min_gain: float = 1e-6
    """Stop when the bound rises by less."""


class VbResult(NamedTuple):
    """What is estimated; an array of bounds, one for each iteration."""

    posterior_NS: np.ndarray
    share_S: np.ndarray
    elbo_I: np.ndarray


def vb_hmm(
    u_ND: np.ndarray,
    psi_D: np.ndarray,
    posterior_NS: np.ndarray,
    config: VbConfig,
    keep_all: bool = False,
) -> VbResult:
    """Refine posteriors of speakers.

    Parameters
    ----------
    u_ND : float array of shape (N, D)
        x-vectors in the space of PLDA, with mean 0 and unit within-speaker covariance.
    psi_D : float array of shape (D,)
        Between-speaker variances.
    posterior_NS : float array of shape (N, S)
        Of the speakers of each window, to start from.
    config : VbConfig
    keep_all : bool
        Stop before a speaker is the most probable one of no window any more.

    Returns
    -------
    VbResult

    Examples
    --------
    >>> u_ND = np.array([[9.0], [9.0], [-9.0], [-9.0]])
    >>> start_NS = np.array([[0.6, 0.4], [0.5, 0.5], [0.5, 0.5], [0.4, 0.6]])
    >>> vb_hmm(u_ND, np.array([80.0]), start_NS, VbConfig()).posterior_NS.round(2).tolist()
    [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]]
    """
    num_speakers = posterior_NS.shape[1]
    ratio, stay = config.acoustic_scale / config.speaker_scale, config.loop_probability
    constant_N1 = -0.5 * ((u_ND**2).sum(axis=1, keepdims=True) + u_ND.shape[1] * np.log(2 * np.pi))
    rho_ND = u_ND * np.sqrt(psi_D)  # (18)
    share_S = np.full(num_speakers, 1 / num_speakers)
    result = VbResult(posterior_NS, share_S, np.empty(0))
    for _ in range(config.max_iters):
        variance_SD = 1 / (1 + ratio * posterior_NS.sum(axis=0)[:, np.newaxis] * psi_D)  # (17)
        mean_SD = ratio * variance_SD * (posterior_NS.T @ rho_ND)  # (16)
        log_likelihood_NS = config.acoustic_scale * (
            rho_ND @ mean_SD.T - 0.5 * (variance_SD + mean_SD**2) @ psi_D + constant_N1
        )  # (23)
        posterior_NS, share_S, log_total = _forward_backward(log_likelihood_NS, share_S, stay)
        prior = (np.log(variance_SD) - variance_SD - mean_SD**2 + 1).sum()
        elbo = log_total + config.speaker_scale * 0.5 * prior  # (25)
        if keep_all and len(np.unique(posterior_NS.argmax(axis=1))) < num_speakers:
            break
        before = result.elbo_I[-1] if len(result.elbo_I) else -np.inf
        result = VbResult(posterior_NS, share_S, np.append(result.elbo_I, elbo))
        if elbo - before < config.min_gain:
            break
    return result


def second_speakers(posterior_NS: np.ndarray) -> np.ndarray:
    """The second most probable speaker of each window, int (N,); the first if there is but one.

    For stretches in which two speak.

    >>> second_speakers(np.array([[0.7, 0.1, 0.2], [0.1, 0.4, 0.5]])).tolist()
    [2, 1]
    """
    return np.argsort(-posterior_NS, axis=1, kind="stable")[:, min(1, posterior_NS.shape[1] - 1)]


def _forward_backward(log_likelihood_NS, share_S, stay):
    """Posteriors of speakers (19), their new shares (24), and the log-likelihood of all (22).

    All transitions are to a speaker's share except for the part `stay`, so a step takes S and not
    S x S operations.
    """
    leap_S = (1 - stay) * share_S + FLOOR
    forward_NS = np.empty_like(log_likelihood_NS)
    backward_NS = np.zeros_like(log_likelihood_NS)
    forward_NS[0] = log_likelihood_NS[0] + np.log(share_S + FLOOR)
    for n in range(1, len(forward_NS)):
        highest = forward_NS[n - 1].max()
        before_S = np.exp(forward_NS[n - 1] - highest)
        arrival_S = np.log(stay * before_S + leap_S * before_S.sum()) + highest
        forward_NS[n] = log_likelihood_NS[n] + arrival_S
    for n in range(len(forward_NS) - 2, -1, -1):
        after_S = log_likelihood_NS[n + 1] + backward_NS[n + 1]
        highest = after_S.max()
        after_S = np.exp(after_S - highest)
        backward_NS[n] = np.log(stay * after_S + leap_S @ after_S) + highest
    log_total = logsumexp(forward_NS[-1])
    posterior_NS = np.exp(forward_NS + backward_NS - log_total)
    left_N1 = logsumexp(forward_NS[:-1], axis=1, keepdims=True)
    leaps_NS = np.exp(left_N1 + log_likelihood_NS[1:] + backward_NS[1:] - log_total)
    share_S = posterior_NS[0] + (1 - stay) * share_S * leaps_NS.sum(axis=0)
    return posterior_NS, share_S / share_S.sum(), log_total
