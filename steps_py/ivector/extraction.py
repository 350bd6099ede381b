"""i-vectors of utterances. Suffixes: see extractor.py."""

import numpy as np

from steps_py.ivector import own_weights
from steps_py.ivector.distribution import IvectorDistribution
from steps_py.ivector.extractor import IvectorExtractor
from steps_py.ivector.utterances import MOST_UTTS, UtteranceBatch


class IvectorComputer:
    """Extracts the i-vectors of batches.

    Vectors are relative to the mean of the prior, as Kaldi writes them.
    """

    def __init__(self, extractor: IvectorExtractor):
        self.extractor = extractor
        self._distribution = IvectorDistribution(extractor)

    def new_batch(self, most_utts: int = MOST_UTTS) -> UtteranceBatch:
        extractor = self.extractor
        return UtteranceBatch(extractor.num_gauss, extractor.feat_dim, extractor.dim, most_utts)

    def compute(self, batch: UtteranceBatch, gains: bool = False):
        """The i-vectors (N, S), and how much each raises the auxiliary function (N,), else 0."""
        linear_NS, data_NP, _ = self._distribution.terms(batch)
        x_NS, gain_N = np.empty_like(linear_NS), np.zeros(len(batch))
        for n, gamma_I in enumerate(batch.gamma_NI):
            x_NS[n] = self._distribution.mean(linear_NS[n], data_NP[n], gamma_I)
            if gains:
                gain_N[n] = self._gain(x_NS[n], linear_NS[n], data_NP[n], gamma_I)
        x_NS[:, 0] -= self.extractor.offset
        return x_NS, gain_N

    def _gain(self, x_S, linear_S, data_P, gamma_I):
        """How much more likely an i-vector is than the mean of the prior."""
        default_S = np.zeros_like(x_S)
        default_S[0] = self.extractor.offset
        Q_SS, linear_S = (
            self._distribution.precision(data_P),
            self._distribution.with_prior(linear_S),
        )
        new, old = (y_S @ linear_S - 0.5 * y_S @ Q_SS @ y_S for y_S in (x_S, default_S))
        if self.extractor.has_own_weights:
            W_IS = self.extractor.log_weights_IS
            new += own_weights.log_weight_gain(W_IS, gamma_I, x_S)
            old += own_weights.log_weight_gain(W_IS, gamma_I, default_S)
        return float(new - old)
