"""Error rates at every threshold, and what follows from them: EER and detection costs.

A ROC is a polyline: its points are those of the thresholds that separate distinct scores, so tied
trials go together, and no value depends on the order of trials.

Shape suffixes (scope: this module):
    K = operating points, from accepting every trial to rejecting every trial
    D = weightings of the trials, one for each draw of a bootstrap
"""

import numpy as np

from steps_py.errors import ScoreError


def check_scores(
    target_scores: np.ndarray, nontarget_scores: np.ndarray, may_be_infinite: bool = False
) -> None:
    """Raise ScoreError unless there are scores of both kinds, all of them finite."""
    for kind, scores in (("target", target_scores), ("nontarget", nontarget_scores)):
        if scores.size == 0:
            raise ScoreError(f"metrics: no {kind} trial has a score; all metrics need both kinds")
        for name, wrong in (("nan", np.isnan(scores)), ("infinite", np.isinf(scores))):
            if wrong.any() and not (may_be_infinite and name == "infinite"):
                raise ScoreError(
                    f"metrics: {wrong.sum()} of {scores.size} {kind} scores are {name}."
                    " Look for values in the x-vectors that are not finite."
                )


def error_rates(
    target_scores: np.ndarray, nontarget_scores: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Miss and false-alarm rates at every threshold that separates distinct scores.

    Returns
    -------
    p_miss_K, p_fa_K : float64 arrays
        Fractions.  The first point accepts every trial (0, 1), the last rejects
        every trial (1, 0); in between, trials of the same score go together.

    Raises
    ------
    ScoreError
        If there is no score of a kind, or one is not finite.

    Examples
    --------
    >>> error_rates([1.0, 2.0], [0.0, 1.0])
    (array([0. , 0. , 0.5, 1. ]), array([1. , 0.5, 0. , 0. ]))
    """
    target, nontarget = (np.sort(np.asarray(s, float)) for s in (target_scores, nontarget_scores))
    check_scores(target, nontarget)
    thresholds = np.unique(np.concatenate([target, nontarget]))
    num_missed = np.searchsorted(target, thresholds, side="right")
    num_rejected = np.searchsorted(nontarget, thresholds, side="right")
    p_miss_K = np.concatenate([[0], num_missed]) / target.size
    p_fa_K = (nontarget.size - np.concatenate([[0], num_rejected])) / nontarget.size
    return p_miss_K, p_fa_K


def eer_of_rates(p_miss_DK: np.ndarray, p_fa_DK: np.ndarray) -> np.ndarray:
    """Equal error rate of each row, linear between the two points around p_miss = p_fa.

    >>> eer_of_rates(np.array([[0.0, 0.0, 1.0]]), np.array([[1.0, 0.5, 0.0]]))
    array([0.33333333])
    """
    k_D = np.count_nonzero(p_miss_DK < p_fa_DK, axis=1)  # rates are monotonous
    row_D = np.arange(len(p_miss_DK))
    miss_before_D, miss_D = p_miss_DK[row_D, k_D - 1], p_miss_DK[row_D, k_D]
    before_D = p_fa_DK[row_D, k_D - 1] - miss_before_D
    after_D = miss_D - p_fa_DK[row_D, k_D]
    return miss_before_D + before_D / (before_D + after_D) * (miss_D - miss_before_D)


def dcf(
    p_miss: np.ndarray, p_fa: np.ndarray, p_target: float, c_miss: float = 1.0, c_fa: float = 1.0
) -> np.ndarray:
    """Detection cost of operating points, divided by that of the better trivial system.

    The cost is ``c_miss * p_miss * p_target + c_fa * p_fa * (1 - p_target)``; a system that looks
    at no score rejects or accepts every trial, whichever is cheaper.  NIST SRE 2016 evaluation
    plan, section 3.1.

    >>> float(dcf(0.25, 0.0, p_target=0.01))
    0.25
    """
    miss_cost, fa_cost = c_miss * p_target, c_fa * (1 - p_target)
    trivial = min(miss_cost, fa_cost)
    return miss_cost / trivial * p_miss + fa_cost / trivial * p_fa


def eer(target_scores: np.ndarray, nontarget_scores: np.ndarray) -> float:
    """Equal error rate, a fraction: linear between the two points around p_miss = p_fa.

    0 for a perfect system, 0.5 for one without information, 1 for a reversed one.

    >>> float(eer([1, 2, 3, 4], [0, 0, 0, 1.5]))
    0.25
    """
    p_miss_K, p_fa_K = error_rates(target_scores, nontarget_scores)
    return eer_of_rates(p_miss_K[None], p_fa_K[None])[0]


def min_dcf(
    target_scores: np.ndarray,
    nontarget_scores: np.ndarray,
    p_target: float,
    c_miss: float = 1.0,
    c_fa: float = 1.0,
) -> float:
    """Minimum of `dcf` over all thresholds; <= 1.

    >>> float(min_dcf([1, 2, 3, 4], [0, 0, 0, 1.5], p_target=0.01))
    0.25
    """
    if not 0 < p_target < 1 or not c_miss > 0 or not c_fa > 0:
        raise ScoreError(
            f"metrics: p_target must lie between 0 and 1 and both costs above 0; got"
            f" p_target {p_target:g}, c_miss {c_miss:g}, c_fa {c_fa:g}"
        )
    p_miss_K, p_fa_K = error_rates(target_scores, nontarget_scores)
    return dcf(p_miss_K, p_fa_K, p_target, c_miss, c_fa).min()


def kaldi_eer(target_scores: np.ndarray, nontarget_scores: np.ndarray) -> tuple[float, float]:
    """The EER as ``compute-eer`` of Kaldi finds it, and its threshold; both float32.

    The threshold is the first target score (in rising order) above the nontarget score
    at the mirrored position; there is no interpolation, and the rate is the proportion
    of targets before it.  It agrees with `eer` to about one trial, but not for small
    or reversed systems: the last target always ends the search.  Parity:
    ``src/ivectorbin/compute-eer.cc``.

    >>> rate, threshold = kaldi_eer([1, 2, 3, 4], [0, 0, 0, 1.5])
    >>> print(rate, threshold)
    0.25 2.0
    """
    target, nontarget = (
        np.sort(np.asarray(s, np.float32)) for s in (target_scores, nontarget_scores)
    )
    check_scores(target, nontarget, may_be_infinite=True)
    position = np.arange(target.size)
    mirrored = nontarget.size - 1 - (nontarget.size * position / target.size).astype(np.int64)
    above = nontarget[np.maximum(mirrored, 0)] < target
    above[-1] = True
    first = int(np.argmax(above))
    return np.float32(first / target.size), target[first]
