"""Selected Gaussians and posteriors of frames.

Sources: GaussianSelection in src/gmm/diag-gmm.cc, VectorToPosteriorEntry in src/hmm/posterior.cc.

Shape suffixes (scope: this module):
    T = frames   G = Gaussians   K = Gaussians per frame   P = pairs of a frame and a Gaussian
"""

import numpy as np

from steps_py.errors import KaldiError
from steps_py.formats.posteriors import Posterior, Selection
from steps_py.gmm.blocks import row_blocks

_GROUP = 16  # Gaussians of which the best is compared first
_BYTES_PER_GAUSSIAN = 16  # of a frame, with the copies that are made


def dense_blocks(gmm, x_TD: np.ndarray):
    """(rows, log-likelihoods) of blocks of frames, of all Gaussians."""
    for rows in row_blocks(len(x_TD), _BYTES_PER_GAUSSIAN * gmm.num_gauss):
        yield rows, gmm.log_likelihoods(x_TD[rows])


def softmax(loglikes_TG: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(posteriors (T, G), log-likelihoods of frames (T,)); in place.

    >>> posteriors, totals = softmax(np.log(np.array([[1.0, 3.0]])))
    >>> posteriors.round(6).tolist(), np.exp(totals).round(6).tolist()
    ([[0.25, 0.75]], [4.0])
    """
    top_T1 = loglikes_TG.max(axis=1, keepdims=True)
    if not np.isfinite(top_T1).all():
        raise KaldiError("the likelihood of a frame is nan or infinite. Are the features finite?")
    loglikes_TG -= top_T1
    np.exp(loglikes_TG, out=loglikes_TG)
    sum_T1 = loglikes_TG.sum(axis=1, keepdims=True)
    loglikes_TG /= sum_T1
    return loglikes_TG, (top_T1 + np.log(sum_T1))[:, 0]


def select_best(loglikes_TG: np.ndarray, num_best: int) -> tuple[Selection, np.ndarray]:
    """(the best Gaussians of each frame, best first; the log of their summed likelihoods (T,)).

    Of equal ones, the one with the higher index comes first.

    >>> select_best(np.array([[-3.0, -1.0, -2.0]]), 2)[0].lists()
    [[1, 2]]
    """
    num_frames, num_gauss = loglikes_TG.shape
    num_best = min(num_best, num_gauss)
    candidates_TG = loglikes_TG >= _low_cut(loglikes_TG, num_best)
    num_candidates_T = np.count_nonzero(candidates_TG, axis=1)
    if (num_candidates_T < num_best).any():
        raise KaldiError("the likelihood of a frame is nan. Are the features finite?")
    frame_P = np.repeat(np.arange(num_frames), num_candidates_T)
    flat_P = np.flatnonzero(candidates_TG)
    # each frame's candidates at the end of a row, the last one first: a stable sort keeps it first
    place_P = np.cumsum(num_candidates_T)[frame_P] - 1 - np.arange(len(flat_P))
    like_TC = np.full((num_frames, num_candidates_T.max(initial=1)), -np.inf, loglikes_TG.dtype)
    index_TC = np.zeros(like_TC.shape, np.int32)
    like_TC[frame_P, place_P] = loglikes_TG.ravel()[flat_P]
    index_TC[frame_P, place_P] = flat_P - frame_P * num_gauss
    order_TK = np.argsort(-like_TC, axis=1, kind="stable")[:, :num_best]
    index_TK = np.take_along_axis(index_TC, order_TK, axis=1)
    best_TK = np.take_along_axis(like_TC, order_TK, axis=1)
    return Selection(np.full(num_frames, num_best), index_TK.ravel()), _log_sum(best_TK)


def _low_cut(loglikes_TG, num_best):
    """A value (T, 1) that the best `num_best` of each frame and few others reach.

    It is the `num_best`-th of the maxima of small groups: as many are at least as high. This takes
    a fraction of the time of sorting all.
    """
    num_gauss = loglikes_TG.shape[1]
    if num_best == num_gauss:
        return -np.inf
    num_groups = num_gauss // _GROUP
    if num_groups < 2 * num_best:
        maxima_TH = loglikes_TG
    else:
        grouped = loglikes_TG[:, : num_groups * _GROUP].reshape(-1, _GROUP, num_groups)
        maxima_TH = grouped.max(axis=1)
    rank = maxima_TH.shape[1] - num_best
    return np.partition(maxima_TH, rank, axis=1)[:, rank, np.newaxis]


def select_among(
    loglikes_P: np.ndarray, selection: Selection, num_best: int
) -> tuple[Selection, np.ndarray]:
    """`select_best` among the Gaussians that are selected already; these may vary in number."""
    frame_P = selection.frame_P()
    order_P = np.lexsort((-selection.index_P.astype(np.int64), -loglikes_P, frame_P))
    rank_P = np.arange(len(order_P)) - selection.starts_T()[frame_P]
    kept = order_P[rank_P < num_best]
    counts_T = np.minimum(selection.counts_T, num_best)
    best = Selection(counts_T, selection.index_P[kept])
    return best, log_sums(loglikes_P[kept], best)


def log_sums(loglikes_P: np.ndarray, selection: Selection) -> np.ndarray:
    """The log of the sum of likelihoods of each frame: (T,), float64.

    Raises
    ------
    KaldiError
        If a frame has no Gaussians.
    """
    return _posteriors(loglikes_P, selection)[1]


def posteriors_of(
    loglikes_P: np.ndarray, selection: Selection, min_post: float = 0.0
) -> tuple[Posterior, np.ndarray]:
    """(posteriors of the selected Gaussians, log-likelihoods of the frames (T,)).

    Posteriors below `min_post` are removed, the others then sum to one; the highest is kept.

    >>> selection = Selection.of([[4, 9]])
    >>> posteriors_of(np.log([9.0, 1.0]), selection, min_post=0.2)[0].lists()
    [[(4, 1.0)]]
    """
    weight_P, totals_T = _posteriors(loglikes_P, selection)
    if min_post != 0:
        starts_T, frame_P = selection.starts_T(), selection.frame_P()
        pruned_P = np.where(weight_P < np.float32(min_post), 0, weight_P)
        sums_T = np.add.reduceat(pruned_P, starts_T)
        for t in np.flatnonzero(sums_T == 0):
            rows = slice(starts_T[t], starts_T[t] + selection.counts_T[t])
            pruned_P[rows.start + int(np.argmax(weight_P[rows]))] = sums_T[t] = 1
        weight_P = pruned_P / sums_T[frame_P]
    weight_P = weight_P.astype(np.float32)
    posterior = Posterior(selection.counts_T, selection.index_P, weight_P)
    return posterior.kept(weight_P != 0), totals_T


def _posteriors(loglikes_P, selection):
    if (selection.counts_T == 0).any():
        raise KaldiError("a frame with no selected Gaussians. Select at least one for each frame.")
    if not selection.num_frames:
        return np.zeros(0), np.zeros(0)
    starts_T, frame_P = selection.starts_T(), selection.frame_P()
    top_T = np.maximum.reduceat(loglikes_P, starts_T).astype(np.float64)
    with np.errstate(invalid="ignore"):  # -inf and nan make a frame's posteriors nan
        weight_P = np.exp(loglikes_P - top_T[frame_P])
        sums_T = np.add.reduceat(weight_P, starts_T)
        return weight_P / sums_T[frame_P], top_T + np.log(sums_T)


def top_posteriors(
    loglikes_TG: np.ndarray, num_best: int, min_post: float
) -> tuple[Posterior, np.ndarray]:
    """(posteriors of the best Gaussians, their log-likelihoods (T,)), as gmm-global-get-post."""
    best, _ = select_best(loglikes_TG, num_best)
    shape = (best.num_frames, -1)
    loglikes_TK = loglikes_TG[best.frame_P(), best.index_P].reshape(shape).astype(np.float64)
    like_TK = np.exp(loglikes_TK - loglikes_TK[:, :1])
    if min_post != 0:  # at least a share of the best one, then of all that are left
        like_TK[:, 1:] *= like_TK[:, 1:] > min_post
        cutoff_T1 = min_post * like_TK.sum(axis=1, keepdims=True)
        like_TK[:, 1:] *= like_TK[:, 1:] >= cutoff_T1
    sums_T1 = like_TK.sum(axis=1, keepdims=True)
    weight_P = (like_TK / sums_T1).ravel().astype(np.float32)
    posterior = Posterior(best.counts_T, best.index_P, weight_P)
    totals_T = loglikes_TK[:, 0] + np.log(sums_T1[:, 0])
    return (posterior.kept(like_TK.ravel() != 0) if min_post != 0 else posterior), totals_T


def _log_sum(loglikes_TK):
    top_T1 = loglikes_TK.max(axis=1, keepdims=True)
    with np.errstate(invalid="ignore"):
        return (top_T1[:, 0] + np.log(np.exp(loglikes_TK - top_T1).sum(axis=1))).astype(np.float64)
