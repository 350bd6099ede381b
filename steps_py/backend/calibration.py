"""Scores to log-likelihood ratios: prior-weighted logistic regression, and isotonic (PAV).

Shape suffixes (scope: this module):
    T = trials   F = features of a trial: scores of systems, quality measures   B = blocks
"""

from dataclasses import dataclass

import numpy as np

from steps_py.errors import ScoreError

TINY_RIDGE = 1e-14  # keeps weights of features without information finite
SEPARABLE_RIDGE = 1e-3
MAX_STEPS = 200


@dataclass(frozen=True)
class Logistic:
    """``llr = features . weights + offset``; what `fit_logistic` found.

    Attributes
    ----------
    weights_F : float64
    offset : float
    objective_bits : float
        The prior-weighted cross-entropy of the training trials, in bits; at `p_target` 0.5 it
        is Cllr.
    separable : bool
        Whether a threshold separates the training trials without an error.  The weights then
        come from a penalty on their size, as the optimum lies at infinity.
    """

    weights_F: np.ndarray
    offset: float
    objective_bits: float
    separable: bool

    def llr(self, feature_TF: np.ndarray) -> np.ndarray:
        """Log-likelihood ratios in nats of trials, (T,)."""
        return np.asarray(feature_TF, np.float64) @ self.weights_F + self.offset


def fit_logistic(feature_TF: np.ndarray, target_T: np.ndarray, p_target: float = 0.5) -> Logistic:
    r"""Prior-weighted logistic regression.

    Minimises the cross-entropy of posteriors at the prior p = `p_target`,

    .. math:: \frac{p}{N_t} \sum_{t} \log(1 + e^{-(z_t + \mathrm{logit}\,p)})
              + \frac{1-p}{N_n} \sum_{n} \log(1 + e^{z_n + \mathrm{logit}\,p}),

    over target trials t and nontarget trials n, where z is the log-likelihood ratio: each kind
    counts as the prior says, however many trials it has.  (Brummer and du Preez,
    "Application-independent evaluation of speaker detection", 2006.)

    Parameters
    ----------
    feature_TF : float array of shape (T, F)
    target_T : bool array
    p_target : float
        Prior of a target trial, around which the calibration is best.

    Raises
    ------
    ScoreError
        If there is no trial of a kind, or a feature is not finite.

    Examples
    --------
    >>> fit = fit_logistic([[0.0], [1.0], [2.0], [3.0]], [False, True, False, True])
    >>> bool(fit.weights_F[0] > 0), fit.separable, round(float(fit.llr([[1.5]])[0]), 6)
    (True, False, 0.0)
    """
    feature_TF, target_T = np.asarray(feature_TF, np.float64), np.asarray(target_T, bool)
    check_both_kinds(target_T)
    if not np.isfinite(feature_TF).all():
        raise ScoreError("calibration: scores or measures are not finite. Find what made them so.")
    mean_F, scale_F = feature_TF.mean(axis=0), feature_TF.std(axis=0)
    scale_F = np.where(scale_F > 1e-12 * np.maximum(np.abs(mean_F), 1e-300), scale_F, 1.0)
    design_TF = np.column_stack([(feature_TF - mean_F) / scale_F, np.ones(len(target_T))])
    problem = _Problem(design_TF, target_T, p_target)
    weight_F = problem.solve(TINY_RIDGE)
    separable = _separates(design_TF[:, :-1] @ weight_F[:-1], target_T)
    if separable:
        weight_F = problem.solve(SEPARABLE_RIDGE)
    objective, _, _ = problem.evaluate(weight_F, 0.0)
    weights_F = weight_F[:-1] / scale_F
    offset = weight_F[-1] - weights_F @ mean_F
    return Logistic(weights_F, float(offset), float(objective / np.log(2)), separable)


def check_both_kinds(target_T: np.ndarray) -> None:
    """Raise ScoreError if a calibration list lacks target or nontarget trials."""
    num_targets = int(np.count_nonzero(target_T))
    if num_targets in (0, len(target_T)):
        kind = "nontarget" if num_targets else "target"
        raise ScoreError(
            f"calibration: none of the {len(target_T)} trials is a {kind} trial. Calibrate on a"
            " list that has both kinds."
        )


class _Problem:
    """The objective of `fit_logistic`, its gradient and Hessian, and Newton's method on it."""

    def __init__(self, design_TF, target_T, p_target):
        self._design_TF, self._sign_T = design_TF, np.where(target_T, 1.0, -1.0)
        num_targets = np.count_nonzero(target_T)
        share = p_target / num_targets, (1 - p_target) / (len(target_T) - num_targets)
        self._weight_T = np.where(target_T, *share)
        self._logit = np.log(p_target / (1 - p_target))

    def evaluate(self, weight_F, ridge):
        penalised_F = np.append(weight_F[:-1], 0.0)
        margin_T = self._sign_T * (self._design_TF @ weight_F + self._logit)
        objective = self._weight_T @ np.logaddexp(0, -margin_T) + ridge / 2 * (
            penalised_F @ penalised_F
        )
        wrong_T = np.exp(-np.logaddexp(0, margin_T))  # the posterior of the wrong kind
        gradient_F = -self._design_TF.T @ (self._weight_T * self._sign_T * wrong_T)
        curvature_T = self._weight_T * wrong_T * (1 - wrong_T)
        hessian_FF = (self._design_TF.T * curvature_T) @ self._design_TF
        diagonal_F = np.full(len(weight_F), ridge)
        return objective, gradient_F + ridge * penalised_F, hessian_FF + np.diag(diagonal_F)

    def solve(self, ridge):
        """The minimum, by Newton's method with halved steps where a whole one leads up."""
        weight_F = np.zeros(self._design_TF.shape[1])
        value, gradient_F, hessian_FF = self.evaluate(weight_F, ridge)
        for _ in range(MAX_STEPS):
            step_F = np.linalg.lstsq(hessian_FF, gradient_F, rcond=None)[0]
            size = 1.0
            while size > 1e-10:
                tried_F = weight_F - size * step_F
                new = self.evaluate(tried_F, ridge)
                if new[0] <= value:
                    break
                size /= 2
            else:
                break
            done = np.abs(tried_F - weight_F).max() <= 1e-12 * (1 + np.abs(tried_F).max())
            weight_F, (value, gradient_F, hessian_FF) = tried_F, new
            if done:
                break
        return weight_F


def _separates(score_T, target_T):
    return bool(score_T[target_T].min() >= score_T[~target_T].max()) and bool(np.ptp(score_T) > 0)


@dataclass(frozen=True)
class Isotonic:
    """A rising step function from scores to log-likelihood ratios; what `fit_isotonic` found.

    Attributes
    ----------
    low_B, high_B : float64
        The lowest and the highest training score of each block.
    llr_B : float64
        Log-likelihood ratios, rising; -inf and inf where a block has one kind only.
    targets_B, nontargets_B : int64
        Training trials of each block.
    """

    low_B: np.ndarray
    high_B: np.ndarray
    llr_B: np.ndarray
    targets_B: np.ndarray
    nontargets_B: np.ndarray

    def llr(self, score_T: np.ndarray) -> np.ndarray:
        """The ratio of the block that a score is in, linear between two blocks.

        Where a side of a gap is infinite, the score gets the nearer of the two.
        """
        score_T = np.asarray(score_T, np.float64)
        last = len(self.llr_B) - 1
        below_T = np.clip(np.searchsorted(self.low_B, score_T, side="right") - 1, 0, last)
        above_T = np.minimum(below_T + 1, last)
        width_T = self.low_B[above_T] - self.high_B[below_T]
        share_T = (score_T - self.high_B[below_T]) / np.where(width_T > 0, width_T, 1.0)
        share_T = np.clip(np.where(width_T > 0, share_T, 0.0), 0, 1)
        low_T, high_T = self.llr_B[below_T], self.llr_B[above_T]
        finite_T = np.isfinite(low_T) & np.isfinite(high_T)
        rise_T = np.where(finite_T, high_T, 0.0) - np.where(finite_T, low_T, 0.0)
        between_T = np.where(finite_T, low_T, 0.0) + share_T * rise_T
        return np.where(finite_T, between_T, np.where(share_T < 0.5, low_T, high_T))


def fit_isotonic(score_T: np.ndarray, target_T: np.ndarray, add_one: bool = False) -> Isotonic:
    """Pool adjacent violators: the best rising function of the scores, on the training trials.

    Trials of one score are in one block.  With `add_one`, a target and a nontarget trial are
    added at each end, after which every ratio is finite.

    Raises ScoreError if there is no trial of a kind, or a score is not finite.

    >>> fit = fit_isotonic([1.0, 2.0, 3.0, 4.0], [False, True, False, True])
    >>> fit.llr_B, fit.llr([2.5])
    (array([-inf,   0.,  inf]), array([0.]))
    """
    score_T, target_T = np.asarray(score_T, np.float64), np.asarray(target_T, bool)
    check_both_kinds(target_T)
    if not np.isfinite(score_T).all():
        raise ScoreError("calibration: scores are not finite. Find what made them so.")
    level, level_T = np.unique(score_T, return_inverse=True)
    targets = np.bincount(level_T, weights=target_T)
    counts = np.bincount(level_T).astype(float)
    if add_one:
        targets[[0, -1]] += 1
        counts[[0, -1]] += 2
    starts = _pool(targets, counts)
    ends = np.append(starts[1:], len(level)) - 1
    targets_B = np.add.reduceat(targets, starts)
    nontargets_B = np.add.reduceat(counts, starts) - targets_B
    prior = np.log(targets.sum() / (counts.sum() - targets.sum()))
    with np.errstate(divide="ignore"):
        llr_B = np.log(targets_B) - np.log(nontargets_B) - prior
    return Isotonic(
        level[starts],
        level[ends],
        llr_B,
        targets_B.round().astype(np.int64),
        nontargets_B.round().astype(np.int64),
    )


def _pool(targets, counts):
    """First levels of blocks whose share of targets rises strictly."""
    starts, shares, sizes = [], [], []
    for place, (hits, count) in enumerate(zip(targets.tolist(), counts.tolist(), strict=True)):
        start, size, share = place, count, hits / count
        while shares and shares[-1] >= share:
            before = sizes.pop()
            share = (shares.pop() * before + share * size) / (before + size)
            size += before
            start = starts.pop()
        starts.append(start)
        shares.append(share)
        sizes.append(size)
    return np.array(starts)
