"""Zeroth and first order statistics of a batch of utterances.

Suffixes: see extractor.py; T = frames, E = pairs of a frame and a Gaussian.
"""

import numpy as np

from steps_py.errors import KaldiError
from steps_py.formats.posteriors import Posterior

_BATCH_BYTES = 128 << 20
MOST_UTTS = 256


class UtteranceBatch:
    """Sums of posteriors (N, I) and of weighted features (I, N, D) of up to `capacity` utterances.

    `items` are what the caller keeps for each utterance, such as its name.
    """

    def __init__(self, num_gauss: int, feat_dim: int, dim: int, most_utts: int = MOST_UTTS):
        size = 8 * (num_gauss * (feat_dim + 1) + dim * (dim + 1))
        self.capacity = max(1, min(most_utts, _BATCH_BYTES // size))
        self._gamma_NI = np.zeros((self.capacity, num_gauss))
        self._sums_IND = np.zeros((num_gauss, self.capacity, feat_dim))
        self.items = []

    def __len__(self):
        return len(self.items)

    @property
    def is_full(self) -> bool:
        return len(self.items) == self.capacity

    @property
    def gamma_NI(self):
        return self._gamma_NI[: len(self.items)]

    def sums(self, i: int):
        """Sums of the features of Gaussian `i`, weighted by posterior (N, D)."""
        return self._sums_IND[i, : len(self.items)]

    def used_gaussians(self):
        """The Gaussians that have a posterior in some utterance."""
        return np.flatnonzero((self.gamma_NI != 0).any(axis=0))

    def start(self, item) -> None:
        """Begin another utterance."""
        self.items.append(item)

    def add(self, feats_TD, posterior: Posterior) -> None:
        """Add frames to the utterance that was started last."""
        n = len(self.items) - 1
        num_gauss, _, feat_dim = self._sums_IND.shape
        check_sizes(feats_TD, posterior, num_gauss, feat_dim)
        if not len(posterior.index_P):
            return
        order_E = np.argsort(posterior.index_P, kind="stable")
        gauss_E = posterior.index_P[order_E]
        weights_E = posterior.weight_P[order_E].astype(np.float64)
        x_ED = feats_TD[posterior.frame_P()[order_E]] * weights_E[:, np.newaxis]
        starts = np.flatnonzero(np.diff(gauss_E, prepend=-1))
        self._gamma_NI[n, gauss_E[starts]] += np.add.reduceat(weights_E, starts)
        self._sums_IND[gauss_E[starts], n] += np.add.reduceat(x_ED, starts)

    def scale(self, factor: float) -> None:
        """Scale the statistics of the utterance that was started last."""
        n = len(self.items) - 1
        self._gamma_NI[n] *= factor
        self._sums_IND[:, n] *= factor

    def drop(self) -> None:
        """Forget the utterance that was started last."""
        self.scale(0.0)
        self.items.pop()

    def clear(self) -> None:
        self._gamma_NI[:] = 0
        self._sums_IND[:] = 0
        self.items = []


def check_sizes(feats_TD, posterior: Posterior, num_gauss: int, feat_dim: int) -> None:
    """KaldiError if features or posteriors are not those of the extractor."""
    if feats_TD.shape[1] != feat_dim:
        raise KaldiError(
            f"the features have {feats_TD.shape[1]} dimensions, the extractor {feat_dim}."
            " Was it trained on other features?"
        )
    gauss_E = posterior.index_P
    if len(gauss_E) and not 0 <= gauss_E.min() <= gauss_E.max() < num_gauss:
        raise KaldiError(
            f"posteriors of Gaussian {int(gauss_E.max())}, but the extractor has {num_gauss}."
            " Are they of another background model?"
        )
