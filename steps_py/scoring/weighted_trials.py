"""What a metric is computed from: error rates and means of trials that count more or less often.

Shape suffixes (scope: this module):
    D = weightings of the trials: one, or the draws of a bootstrap   P = pairs of speakers
    E = steps of the ROC   K = E + 1 operating points
"""

import functools

import numpy as np


class WeightedTrials:
    """The trials of one list with one system's scores, under D weightings.

    Attributes
    ----------
    p_miss_KD, p_fa_KD : float arrays
        Miss and false-alarm rates, fractions, at each operating point: the first accepts every
        trial (0, 1), the last rejects every trial (1, 0).  Points that lie on a straight line
        for every weighting are left out, ties are one point.
    targets_ED, nontargets_ED : float arrays
        How many trials count between two operating points.
    num_targets_D, num_nontargets_D : float arrays
        How many trials count, each as often as it weighs.

    Examples
    --------
    >>> from steps_py.scoring.sorted_trials import SortedTrials
    >>> trials = SortedTrials([1.0, 2, 0, 1], [True, True, False, False]).once()
    >>> trials.p_miss_KD[:, 0], trials.p_fa_KD[:, 0]
    (array([0. , 0. , 0.5, 1. ]), array([1. , 0.5, 0. , 0. ]))
    >>> trials.target_mean(np.square)
    array([2.5])
    """

    def __init__(self, trials, weight_PD, targets_ED, nontargets_ED):
        self._trials, self._weight_PD = trials, weight_PD
        self.targets_ED, self.nontargets_ED = targets_ED, nontargets_ED
        self.num_targets_D, self.num_nontargets_D = (
            targets_ED.sum(axis=0),
            nontargets_ED.sum(axis=0),
        )

    @functools.cached_property
    def p_miss_KD(self):
        return _running(self.targets_ED) / self.num_targets_D

    @functools.cached_property
    def p_fa_KD(self):
        return (self.num_nontargets_D - _running(self.nontargets_ED)) / self.num_nontargets_D

    def columns(self):
        """Yield (targets_E, nontargets_E) of each weighting, for what is computed one by one."""
        yield from zip(self.targets_ED.T, self.nontargets_ED.T, strict=True)

    def target_mean(self, function):
        """The mean of ``function(scores)`` over the target trials, (D,).

        `function` takes and returns an array.  Its values are kept for the next weighting: give
        a function or a method, not a lambda.
        """
        return self._trials.pair_sums(function, True) @ self._weight_PD / self.num_targets_D

    def nontarget_mean(self, function):
        """The mean of ``function(scores)`` over the nontarget trials, (D,)."""
        return self._trials.pair_sums(function, False) @ self._weight_PD / self.num_nontargets_D

    def rank_mean(self, function):
        """The mean over the target trials of ``function(ranks)``, (D,).

        The rank of a target trial is 1 if it has the highest score of all trials with its test
        utterance; nontarget trials of the same score rank above it.

        Raises
        ------
        ScoreError
            If a test utterance has not one target trial beside nontarget trials.
        """
        return self._trials.rank_sums(function) @ self._weight_PD / self.num_targets_D


def _running(count_ED):
    running_KD = np.zeros((len(count_ED) + 1, count_ED.shape[1]))
    np.cumsum(count_ED, axis=0, out=running_KD[1:])
    return running_KD
