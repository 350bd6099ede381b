"""The convex hull of a ROC, by pool adjacent violators: the best monotonous map of scores to odds.

The vertices of the hull are the ends of the blocks that isotonic regression of the labels on the
scores gives (Fawcett and Niculescu-Mizil 2007, "PAV and the ROC convex hull").  Brümmer and du
Preez 2006, "Application-independent evaluation of speaker detection".

Shape suffixes (scope: this module):
    E = steps of the ROC   B = blocks   V = B + 1 vertices of the hull
"""

import numpy as np


def blocks_of(targets_E: np.ndarray, nontargets_E: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Targets and nontargets of each block that cannot be told apart, by rising odds.

    Tied trials of both kinds are one step, so a target is never placed above a nontarget of the
    same score.

    Returns
    -------
    targets_B, nontargets_B : float arrays

    Examples
    --------
    >>> blocks_of(np.array([0.0, 1, 0, 2]), np.array([3.0, 0, 1, 0]))
    (array([0., 1., 2.]), array([3., 1., 0.]))
    """
    from scipy.optimize import isotonic_regression  # start-up time of the workflow

    weight_E = targets_E + nontargets_E
    used = weight_E > 0
    targets_E, weight_E = targets_E[used], weight_E[used]
    blocks = isotonic_regression(targets_E / weight_E, weights=weight_E).blocks
    targets_B = np.add.reduceat(targets_E, blocks[:-1])
    return targets_B, np.add.reduceat(weight_E, blocks[:-1]) - targets_B


def hull_of(targets_E: np.ndarray, nontargets_E: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Miss and false-alarm rates at the vertices of the hull, from (0, 1) to (1, 0).

    >>> hull_of(np.array([0.0, 1, 0, 2]), np.array([3.0, 0, 1, 0]))[1]
    array([1.  , 0.25, 0.  , 0.  ])
    """
    targets_B, nontargets_B = blocks_of(targets_E, nontargets_E)
    p_miss_V = np.concatenate([[0], np.cumsum(targets_B)]) / targets_B.sum()
    fallen_V = np.concatenate([[0], np.cumsum(nontargets_B)])
    return p_miss_V, (fallen_V[-1] - fallen_V) / fallen_V[-1]


def min_cllr_of(targets_E: np.ndarray, nontargets_E: np.ndarray) -> float:
    """Cllr in bits after the best monotonous map of the scores to log-likelihood ratios."""
    targets_B, nontargets_B = blocks_of(targets_E, nontargets_E)
    p_B, q_B = targets_B / targets_B.sum(), nontargets_B / nontargets_B.sum()
    cost = _share_of_cost(p_B, q_B).sum() + _share_of_cost(q_B, p_B).sum()
    return cost / 2


def _share_of_cost(p_B, q_B):
    """What trials of one kind cost: p of log2(1 + q/p), for they are in a block of odds p/q."""
    odds_B = np.divide(q_B, p_B, out=np.zeros_like(p_B), where=p_B > 0)
    return p_B * np.log2(1 + odds_B)
