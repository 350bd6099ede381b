"""Scored trials in the order of their scores, to be weighed in many ways.

A weighting changes how often a trial counts and never the order of the scores, so the trials are
sorted once.  Neighbours of one kind (all targets, or all nontargets) lie on a straight piece of
the ROC whatever they weigh; they are joined to one step of it, and so are tied trials.  The ROC
remains the same polyline with far fewer points.

Shape suffixes (scope: this module):
    T = trials, by score   G = distinct scores   P = distinct pairs of speakers
    E = steps of the ROC   S = speakers, and one more that always counts once
    D = weightings of the trials   B = a block of them   U = test utterances   N = some trials
"""

import functools

import numpy as np
from scipy import sparse

from steps_py.errors import ScoreError, some
from steps_py.scoring.error_rates import check_scores
from steps_py.scoring.weighted_trials import WeightedTrials

BLOCK_BYTES = 2**26  # of the largest arrays of one block of weightings


class SortedTrials:
    """The trials of one list with the scores of one system.

    Parameters
    ----------
    score_T, target_T : arrays of float and bool, in any order
    speakers_T2 : int array, optional
        The numbers of the two speakers of each trial, equal for one speaker.
    test_T, test_names : int array and list of str, optional
        The test utterance of each trial, a place in the names, for identification.

    Raises
    ------
    ScoreError
        If there is no trial of a kind, or a score is not finite.

    Examples
    --------
    >>> trials = SortedTrials(np.array([0.0, 3, 1, 2]), np.array([False, True, False, True]))
    >>> trials.once().p_miss_KD.ravel(), trials.once().p_fa_KD.ravel()
    (array([0., 0., 1.]), array([1., 0., 0.]))
    """

    def __init__(self, score_T, target_T, speakers_T2=None, test_T=None, test_names=()):
        score_T, target_T = np.asarray(score_T, float), np.asarray(target_T, bool)
        check_scores(score_T[target_T], score_T[~target_T])
        order_T = np.argsort(score_T, kind="stable")
        score_T, target_T = score_T[order_T], target_T[order_T]
        self.target_scores, self.nontarget_scores = score_T[target_T], score_T[~target_T]
        step_T = _steps(score_T, target_T)
        self._score_T, self._target_T = score_T, target_T
        self._test_T = None if test_T is None else np.asarray(test_T)[order_T]
        self._test_names = test_names
        pair_T = np.zeros(len(score_T), np.int64)
        self._first_P = self._second_P = np.zeros(1, np.int64)
        if speakers_T2 is not None:
            self._first_P, self._second_P, pair_T = _pairs(np.asarray(speakers_T2)[order_T])
        self._pair_of = {kind: pair_T[target_T == kind] for kind in (True, False)}
        shape = (step_T[-1] + 1, len(self._first_P))
        self._count_of = {
            kind: _counts(step_T[target_T == kind], self._pair_of[kind], shape)
            for kind in (True, False)
        }
        self._sums = {}

    def once(self):
        """`WeightedTrials` of one weighting, in which each trial counts once."""
        return self._weigh(np.ones((len(self._first_P), 1)))

    def blocks(self, times_SD):
        """Yield (columns, `WeightedTrials`) of weightings, a block at a time.

        ``times_SD[s, d]`` says how often speaker s was drawn.  A trial of two speakers counts as
        often as the product says, a trial of one speaker as often as that speaker.  Weightings in
        which no trial of a kind counts are left out: no metric exists for them.
        """
        num_draws = times_SD.shape[1]
        times_SD = np.concatenate([times_SD, np.ones((1, num_draws), times_SD.dtype)])
        times_SD = times_SD.astype(float)
        second_P = np.where(self._first_P == self._second_P, -1, self._second_P)
        per_draw = 8 * (3 * len(self._first_P) + 6 * self._count_of[True].shape[0])
        size = int(np.clip(BLOCK_BYTES // per_draw, 1, num_draws))
        for begin in range(0, num_draws, size):
            times_SB = np.ascontiguousarray(times_SD[:, begin : begin + size])
            weight_PB = times_SB[self._first_P]
            weight_PB *= times_SB[second_P]
            count_B = [weight_PB.T @ self._totals[kind] for kind in (True, False)]
            kept_B = np.flatnonzero(np.all(count_B, axis=0))
            if len(kept_B) < weight_PB.shape[1]:
                weight_PB = np.ascontiguousarray(weight_PB[:, kept_B])
            if len(kept_B):
                yield begin + kept_B, self._weigh(weight_PB)

    @functools.cached_property
    def _totals(self):
        return {
            kind: np.asarray(count.sum(axis=0)).ravel() for kind, count in self._count_of.items()
        }

    def pair_sums(self, function, of_targets):
        """Sums over the trials of each pair of speakers of ``function(scores)``; float (P,)."""
        scores_of = {True: lambda: self.target_scores, False: lambda: self.nontarget_scores}
        return self._sums_of(function, of_targets, scores_of[of_targets])

    def rank_sums(self, function):
        """The same of ``function(ranks)`` of the target trials, see `WeightedTrials.rank_mean`."""
        return self._sums_of(function, True, self.ranks_of_targets)

    def _sums_of(self, function, of_targets, arguments):
        key = function, of_targets
        if key not in self._sums:
            values = np.asarray(function(arguments()), float)
            self._sums[key] = np.bincount(self._pair_of[of_targets], values, len(self._first_P))
        return self._sums[key]

    def ranks_of_targets(self):
        """The rank of each target trial among the trials of its test utterance; ties count below.

        Raises
        ------
        ScoreError
            If a test utterance has no target trial, or several: identification asks which of
            several models is the speaker's.
        """
        if self._test_T is None:
            raise ScoreError("metrics: identification needs the test utterance of every trial")
        test_T = self._test_T
        targets_U = np.bincount(test_T[self._target_T], minlength=test_T.max() + 1)
        trials_U = np.bincount(test_T, minlength=len(targets_U))
        wrong_U = (trials_U > 0) & ((targets_U != 1) | (trials_U == 1))
        if wrong_U.any():
            shown = some(
                [self._test_names[u] for u in np.flatnonzero(wrong_U)[:3]], total=wrong_U.sum()
            )
            raise ScoreError(
                f"metrics: {wrong_U.sum()} test utterances do not have one target trial beside"
                f" nontarget trials ({shown}). Top-k accuracy is for lists in which each test"
                " utterance is compared with all models of a closed set."
            )
        score_U = np.zeros(len(targets_U))
        score_U[test_T[self._target_T]] = self.target_scores
        above_T = ~self._target_T & (self._score_T >= score_U[test_T])
        return 1 + np.bincount(test_T[above_T], minlength=len(targets_U))[test_T[self._target_T]]

    def _weigh(self, weight_PD):
        counts = (self._count_of[kind] @ weight_PD for kind in (True, False))
        return WeightedTrials(self, weight_PD, *counts)


def _steps(score_T, target_T):
    """The step of the ROC that each trial belongs to."""
    new_T = np.concatenate([[True], score_T[1:] != score_T[:-1]])
    group_T = np.cumsum(new_T) - 1
    first_G = np.flatnonzero(new_T)
    size_G = np.diff(first_G, append=len(score_T))
    targets_G = np.add.reduceat(target_T.astype(np.int64), first_G)
    kind_G = np.where(targets_G == size_G, 1, np.where(targets_G == 0, 0, 2))  # 2: tied, of both
    starts_G = np.concatenate([[True], (kind_G[1:] != kind_G[:-1]) | (kind_G[1:] == 2)])
    return (np.cumsum(starts_G) - 1)[group_T]


def _pairs(speakers_T2):
    """First and second speaker of each distinct pair, and the pair of each trial."""
    low_T, high_T = speakers_T2.min(axis=1), speakers_T2.max(axis=1)
    number = int(high_T.max()) + 1
    code_P, pair_T = np.unique(low_T.astype(np.int64) * number + high_T, return_inverse=True)
    return code_P // number, code_P % number, pair_T


def _counts(step_N, pair_N, shape):
    """How many trials each step has of each pair of speakers, a sparse matrix."""
    ones_N = np.ones(len(step_N))
    return sparse.csr_array(sparse.coo_array((ones_N, (step_N, pair_N)), shape=shape))
