"""i-vectors while an utterance arrives: one every `period` frames, from all frames so far.

Source: EstimateIvectorsOnline and LinearCgd of Kaldi. Suffixes: see extractor.py; T = frames,
K = i-vectors of the utterance.
"""

import dataclasses
import itertools

import numpy as np

from steps_py.errors import KaldiError
from steps_py.formats.triangles import unpacked
from steps_py.ivector.extractor import IvectorExtractor
from steps_py.ivector.utterances import check_sizes

_RESIDUAL_FACTOR = 0.01**2  # a residual that falls below this part is computed anew


@dataclasses.dataclass
class OnlineConfig:
    """`max_count` 0 means no limit of the count of posteriors."""

    period: int = 10
    num_cg_iters: int = 15
    max_count: float = 0.0


class OnlineIvectors:
    """Computes the i-vectors of an extractor without own weights."""

    def __init__(self, extractor: IvectorExtractor, config: OnlineConfig):
        if extractor.has_own_weights:
            raise KaldiError(
                "an extractor whose weights depend on the i-vector; online extraction needs one of"
                " ivector-extractor-init --use-weights=false."
            )
        if config.period < 1:
            raise KaldiError(f"--ivector-period={config.period}: expected 1 or more.")
        self.extractor, self.config = extractor, config
        self._U_IP = extractor.precisions()

    def compute(self, feats_TD, posterior):
        """i-vectors (K, S) relative to the prior's mean, and the last one's gain per frame."""
        extractor, config = self.extractor, self.config
        check_sizes(feats_TD, posterior, extractor.num_gauss, extractor.feat_dim)
        prior_S = np.zeros(extractor.dim)
        prior_S[0] = extractor.offset
        x_S, linear_S = prior_S.copy(), prior_S.copy()
        Q_SS = np.eye(extractor.dim)
        count, scale, gain, ivectors = 0.0, 1.0, 0.0, []
        for part in self._parts(posterior):
            for i, first_D, weight in self._sums(feats_TD, part):
                linear_S += (extractor.inv_cov(i) @ first_D) @ extractor.M_IDS[i]
                Q_SS += weight * unpacked(self._U_IP[i])
                count += weight
            if config.max_count > 0:
                before, scale = scale, max(count, config.max_count) / config.max_count
                linear_S[0] += extractor.offset * (scale - before)
                Q_SS.ravel()[:: len(Q_SS) + 1] += scale - before
            if count > 0:
                if x_S[0] == 0:
                    x_S[0] = extractor.offset
                x_S = conjugate_gradients(Q_SS, linear_S, x_S, config.num_cg_iters)
                new, old = (y @ linear_S - 0.5 * y @ Q_SS @ y for y in (x_S, prior_S))
                gain = float(new - old) / count
            else:
                x_S = prior_S.copy()
            ivectors.append(x_S.copy())
        x_KS = np.array(ivectors).reshape(-1, extractor.dim)
        x_KS[:, 0] -= extractor.offset
        return x_KS, gain

    def _parts(self, posterior):
        """(frames, Gaussians, weights) that are new to each i-vector: the first frame, then
        `period` frames each."""
        frame_P, period = posterior.frame_P(), self.config.period
        ends = range(1, posterior.num_frames + 1, period)
        bounds = np.searchsorted(frame_P, [0, *ends])
        for start, end in itertools.pairwise(bounds):
            yield frame_P[start:end], posterior.index_P[start:end], posterior.weight_P[start:end]

    @staticmethod
    def _sums(feats_TD, part):
        """(Gaussian, weighted sum of features, sum of weights) of each Gaussian of a part."""
        frame_P, index_P, weight_P = part
        for i in np.unique(index_P):
            mine = index_P == i
            weights = weight_P[mine].astype(np.float64)
            yield i, weights @ feats_TD[frame_P[mine]], float(weights.sum())


def conjugate_gradients(A_SS, b_S, start_S, num_iters: int):
    """An approximate solution of A x = b after `num_iters` steps, -1 for as many as it takes."""
    x_S = start_S.copy()
    direction_S = b_S - A_SS @ x_S
    residual_S = -direction_S
    now = first = recomputed = float(residual_S @ residual_S)
    tiny = np.finfo(np.float64).tiny
    for step in range(len(b_S) + 5):
        if step == num_iters or now == 0:
            break
        image_S = A_SS @ direction_S
        size = -float(direction_S @ residual_S) / float(direction_S @ image_S)
        x_S += size * direction_S
        residual_S += size * image_S
        following = float(residual_S @ residual_S)
        if not _RESIDUAL_FACTOR * recomputed <= following <= recomputed / _RESIDUAL_FACTOR:
            residual_S = A_SS @ x_S - b_S
            following = recomputed = float(residual_S @ residual_S)
        if following <= tiny:
            break
        direction_S = following / now * direction_S - residual_S
        now = following
    if now > first + 1e-10 * float(b_S @ b_S):
        return np.linalg.solve(A_SS, b_S)
    return x_S
