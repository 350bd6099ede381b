"""The distribution of the i-vectors of a batch of utterances, given their statistics.

For an utterance with sums of posteriors gamma_i and of weighted features x_i, the precision is
Q = I + sum_i gamma_i U_i with U_i = M_i' Sigma_i^-1 M_i, and the mean solves
Q m = (offset, 0, ...) + sum_i M_i' Sigma_i^-1 x_i. The sums over Gaussians are matrix products over
all utterances of a batch. Suffixes: see extractor.py.
"""

import numpy as np
from scipy.linalg import lapack

from steps_py.errors import KaldiError
from steps_py.formats.triangles import full_index
from steps_py.ivector import own_weights
from steps_py.ivector.extractor import IvectorExtractor
from steps_py.ivector.utterances import UtteranceBatch


class IvectorDistribution:
    """Computes means and covariances of i-vectors of an extractor."""

    def __init__(self, extractor: IvectorExtractor):
        self.extractor = extractor
        self._U_IP = extractor.precisions()
        self._full_SS = full_index(extractor.dim)

    def terms(self, batch: UtteranceBatch, energies: bool = False):
        """Linear terms (N, S), precisions (N, P) of the data, and energies (N,).

        The prior is in none of them. The energy of an utterance is
        sum_i x_i' Sigma_i^-1 x_i / gamma_i, zero if it is not requested.
        """
        extractor = self.extractor
        linear_NS = np.zeros((len(batch), extractor.dim))
        energy_N = np.zeros(len(batch))
        for i in batch.used_gaussians():
            x_ND = batch.sums(i)
            scaled_ND = x_ND @ extractor.inv_cov(i)
            linear_NS += scaled_ND @ extractor.M_IDS[i]
            if energies:
                gamma_N = batch.gamma_NI[:, i]
                used_N = gamma_N != 0
                energy_N[used_N] += (x_ND * scaled_ND).sum(axis=1)[used_N] / gamma_N[used_N]
        return linear_NS, batch.gamma_NI @ self._U_IP, energy_N

    def precision(self, data_P):
        """The precision (S, S) of an i-vector, with the prior."""
        Q_SS = data_P[self._full_SS]
        Q_SS.ravel()[:: len(Q_SS) + 1] += 1.0
        return Q_SS

    def mean(self, linear_S, data_P, gamma_I):
        """The mean (S,) of an i-vector."""
        if self.extractor.has_own_weights:
            return self.mean_and_covariance(linear_S, data_P, gamma_I)[0]
        _, x_S, info = lapack.dposv(
            self.precision(data_P).T, self.with_prior(linear_S), lower=1, overwrite_a=1
        )
        _check(info)
        return x_S

    def mean_and_covariance(self, linear_S, data_P, gamma_I):
        """Mean (S,), covariance (S, S), and the log determinant of the covariance."""
        Q_SS, linear_S = self.precision(data_P), self.with_prior(linear_S)
        if self.extractor.has_own_weights:
            x_S, cov_SS = own_weights.iterate(
                self.extractor.log_weights_IS, gamma_I, linear_S, Q_SS
            )
            return x_S, cov_SS, float(np.linalg.slogdet(cov_SS)[1])
        factor_SS, x_S, info = lapack.dposv(Q_SS.T, linear_S, lower=1, overwrite_a=1)
        _check(info)
        logdet = -2 * float(np.log(factor_SS.diagonal()).sum())
        inverse_SS, info = lapack.dpotri(factor_SS, lower=1, overwrite_c=1)
        _check(info)
        return x_S, symmetric_from_lower(inverse_SS), logdet

    def with_prior(self, linear_S):
        """The linear term with that of the prior."""
        linear_S = linear_S.copy()
        linear_S[0] += self.extractor.offset
        return linear_S


def symmetric_from_lower(x_SS):
    """A symmetric matrix in rows, from one in columns whose lower triangle counts."""
    x_SS = x_SS.T  # its upper triangle counts
    lower = np.tril_indices(len(x_SS), -1)
    x_SS[lower] = x_SS.T[lower]
    return x_SS


def _check(info):
    if info:
        raise KaldiError(
            "the precision of an i-vector is not positive definite. Are posteriors negative, or"
            " does the extractor hold nan?"
        )
