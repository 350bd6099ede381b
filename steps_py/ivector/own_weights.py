"""Weights of Gaussians that depend on the i-vector: the softmax of W x.

Source: D. Povey et al., "The subspace Gaussian mixture model", 2011, equation 58, as in Kaldi.
Suffixes: see extractor.py; R = samples.
"""

import numpy as np

from steps_py.formats.triangles import packed


def log_softmax(x_I):
    """Logarithms of the softmax of the last axis."""
    x_I = x_I - x_I.max(axis=-1, keepdims=True)
    return x_I - np.log(np.exp(x_I).sum(axis=-1, keepdims=True))


def weight_terms(W_IS, gamma_I, x_S):
    """Linear coefficients (I,) and quadratic ones (I,) of the weights' bound around `x_S`."""
    scores_I = W_IS @ x_S
    expected_I = gamma_I.sum() * np.exp(log_softmax(scores_I))
    larger_I = np.maximum(gamma_I, expected_I)
    return gamma_I - expected_I + larger_I * scores_I, larger_I


def inverse_of_floored(Q_SS):
    """The inverse of a symmetric matrix whose eigenvalues are first floored to 1."""
    values_S, vectors_SS = np.linalg.eigh(Q_SS)
    return (vectors_SS / np.maximum(values_S, 1.0)) @ vectors_SS.T


def iterate(W_IS, gamma_I, linear_S, Q_SS, num_iters: int = 4, enough: float = 0.1):
    """Mean (S,) and covariance (S, S) of an i-vector, by successive quadratic bounds.

    `linear_S` and `Q_SS` are the terms without the weights. Ends when the mean moves by less than
    `enough`.
    """
    cov_SS = inverse_of_floored(Q_SS)
    x_S = cov_SS @ linear_S
    for _ in range(num_iters):
        before_S = x_S
        first_I, second_I = weight_terms(W_IS, gamma_I, x_S)
        cov_SS = inverse_of_floored(Q_SS + (W_IS.T * second_I) @ W_IS)
        x_S = cov_SS @ (linear_S + W_IS.T @ first_I)
        if np.linalg.norm(x_S - before_S) < enough:
            break
    return x_S, cov_SS


def log_weight_gain(W_IS, gamma_I, x_S, cov_SS=None) -> float:
    """The weights' part of the auxiliary function at an i-vector, or for a distribution."""
    log_weights_I = log_softmax(W_IS @ x_S)
    gain = float(log_weights_I @ gamma_I)
    if cov_SS is None:
        return gain
    weights_I = np.exp(log_weights_I)
    slopes_IS = W_IS + np.outer(weights_I, W_IS.T @ weights_I)  # + as in Kaldi
    return gain - 0.5 * float(np.sum(((slopes_IS.T * gamma_I) @ slopes_IS) * cov_SS))


def samples(draws, x_S, cov_SS, count: int):
    """`count` samples (R, S) whose mean is exactly `x_S` and whose expected covariance `cov_SS`."""
    x_RS = draws.standard_normal((count, len(x_S))) @ np.linalg.cholesky(cov_SS).T
    x_RS -= x_RS.mean(axis=0)
    return x_RS * np.sqrt(count / (count - 1)) + x_S


def sampled_statistics(W_IS, gamma_I, x_RS):
    """Statistics for W from samples: linear (I, S), and quadratic as lower triangles (I, P)."""
    linear_IS, quadratic_IP = 0.0, 0.0
    for x_S in x_RS:
        first_I, second_I = weight_terms(W_IS, gamma_I, x_S)
        linear_IS = linear_IS + np.outer(first_I, x_S) / len(x_RS)
        quadratic_IP = quadratic_IP + np.outer(second_I, packed(np.outer(x_S, x_S))) / len(x_RS)
    return linear_IS, quadratic_IP
