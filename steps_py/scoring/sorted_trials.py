"""Scored trials in the order of their scores, to be weighed in many ways.

A weighting changes how often a trial counts and never the order of the scores, so the trials are
sorted once.  Neighbours of one kind (all targets, or all nontargets) lie on a straight piece of
the ROC whatever they weigh; they are joined to one step of it, and so are tied trials.  The ROC
remains the same polyline with far fewer points.

Shape suffixes (scope: this module):
    T = trials, by score   G = distinct scores
    E = steps of the ROC   S = speakers, and one more that always counts once
    D = weightings of the trials   B = a block of them
"""

import functools
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from steps_py.errors import ScoreError
from steps_py.scoring.error_rates import check_scores
from steps_py.scoring.identification import Identification
from steps_py.scoring.trial_sums import TrialSums
from steps_py.scoring.weighted_trials import WeightedTrials

BLOCK_BYTES = 2**23  # of an array of all steps and the draws of one block
MOST_DRAWS = 64  # of one block


class SortedTrials:
    """The trials of one list with the scores of one system.

    Parameters
    ----------
    score_T, target_T : arrays of float and bool, in any order
    speakers_T2 : int array, optional
        The numbers of the two speakers of each trial, equal for one speaker.
    test_T, test_names : int array and list of str, optional
        The test utterance of each trial, a place in the names, for identification.
    part_T : int array, optional
        The part of the list that each trial belongs to.  Parts count alike, whatever their sizes:
        rates and means are averages over the parts (NIST's equalised counts).

    Raises
    ------
    ScoreError
        If there is no trial of a kind, or a score is not finite.

    Examples
    --------
    >>> trials = SortedTrials(np.array([0.0, 3, 1, 2]), np.array([False, True, False, True]))
    >>> trials.once().p_miss_DK[0], trials.once().p_fa_DK[0]
    (array([0., 0., 1.]), array([1., 0., 0.]))
    """

    def __init__(
        self,
        score_T: np.ndarray,
        target_T: np.ndarray,
        speakers_T2: np.ndarray | None = None,
        test_T: np.ndarray | None = None,
        test_names: Sequence[str] = (),
        part_T: np.ndarray | None = None,
    ):
        score_T, target_T = np.asarray(score_T, float), np.asarray(target_T, bool)
        check_scores(score_T[target_T], score_T[~target_T])
        order_T = np.argsort(score_T, kind="stable")
        score_T, target_T = score_T[order_T], target_T[order_T]
        self.target_scores, self.nontarget_scores = score_T[target_T], score_T[~target_T]
        step_T = _steps(score_T, target_T)
        self._score_T, self._target_T = score_T, target_T
        self._test_T = None if test_T is None else np.asarray(test_T)[order_T]
        self._test_names = test_names
        self._num_steps, self._num_speakers = int(step_T[-1]) + 1, 1
        if speakers_T2 is not None:
            speakers_T2 = np.asarray(speakers_T2)[order_T]
            self._num_speakers = int(speakers_T2.max()) + 1
        none_T = np.broadcast_to(np.int32(self._num_speakers), len(score_T))
        self._test_speaker_T = none_T if speakers_T2 is None else speakers_T2[:, 1]
        part_T = np.zeros(len(score_T), np.int8) if part_T is None else np.asarray(part_T)[order_T]
        self._part_T = part_T
        del order_T  # lists are long, and the sums below take most of the memory
        self._part_of = {kind: part_T[target_T == kind] for kind in (True, False)}
        self._sums_of = {True: [], False: []}
        for kind, parts in self._sums_of.items():
            for part in np.unique(part_T):
                is_in_T = (target_T == kind) & (part_T == part)
                speakers_N2 = None if speakers_T2 is None else speakers_T2[is_in_T]
                sizes = self._num_steps, self._num_speakers
                parts.append((part, TrialSums(step_T[is_in_T], speakers_N2, *sizes)))
        self._values = {}

    def once(self) -> WeightedTrials:
        """`WeightedTrials` of one weighting, in which each trial counts once."""
        return self._weigh(np.ones((self._num_speakers + 1, 1)))

    def blocks(self, times_SD: np.ndarray) -> Iterator[tuple[np.ndarray, WeightedTrials]]:
        """Yield (draws, `WeightedTrials`) of weightings, a block at a time.

        ``times_SD[s, d]`` says how often speaker s was drawn.  A trial of two speakers counts as
        often as the product says, a trial of one speaker as often as that speaker.  Weightings in
        which no trial of a kind counts are left out: no metric exists for them.
        """
        num_draws = times_SD.shape[1]
        size = int(np.clip(BLOCK_BYTES // (8 * self._num_steps), 1, MOST_DRAWS))
        for begin in range(0, num_draws, size):
            times_SB = np.ones((self._num_speakers + 1, min(size, num_draws - begin)))
            times_SB[:-1] = times_SD[: self._num_speakers, begin : begin + size]
            weighted = self._weigh(times_SB)
            kept_B = np.flatnonzero(weighted.num_targets_D * weighted.num_nontargets_D > 0)
            if len(kept_B) < times_SB.shape[1]:
                weighted = self._weigh(np.ascontiguousarray(times_SB[:, kept_B]))
            if len(kept_B):
                yield begin + kept_B, weighted

    def sum_scores(self, function: Callable, of_targets: bool, times_SD: np.ndarray) -> np.ndarray:
        """The sum over trials of one kind of ``function(scores)``; float (D,)."""
        key = function, of_targets
        if key not in self._values:
            scores = self.target_scores if of_targets else self.nontarget_scores
            self._values[key] = np.asarray(function(scores), float)
        values_N, part_N = self._values[key], self._part_of[of_targets]
        if len(self._sums_of[of_targets]) == 1:
            return self._sums_of[of_targets][0][1].total(values_N, times_SD)
        return sum(
            sums.total(values_N[part_N == part], times_SD) / sums.per_step(times_SD).sum(axis=0)
            for part, sums in self._sums_of[of_targets]
        )

    @functools.cached_property
    def identification(self) -> Identification:
        """The same trials as an `Identification`, with its errors."""
        if self._test_T is None:
            raise ScoreError("metrics: identification needs the test utterance of every trial")
        sides = self._test_T, self._test_names, self._test_speaker_T, self._part_T
        return Identification(self._score_T, self._target_T, *sides)

    def _weigh(self, times_SD):
        return WeightedTrials(self, times_SD, *(self._counts(k, times_SD) for k in (True, False)))

    def _counts(self, of_targets, times_SD):
        """How many trials each step has, (D, E); shares, where there are parts: nan for none."""
        counts = (sums.per_step(times_SD).T for _, sums in self._sums_of[of_targets])
        count_DE, *others = map(np.ascontiguousarray, counts)
        if not others:
            return count_DE
        with np.errstate(invalid="ignore"):
            return sum(part / part.sum(axis=1, keepdims=True) for part in (count_DE, *others))


def _steps(score_T, target_T):
    """The step of the ROC that each trial belongs to, int32."""
    new_T = np.concatenate([[True], score_T[1:] != score_T[:-1]])
    first_G = np.flatnonzero(new_T)
    last_G = np.append(first_G[1:], len(score_T)) - 1
    num_targets_T = np.cumsum(target_T, dtype=np.int32)
    targets_G = num_targets_T[last_G] - num_targets_T[first_G] + target_T[first_G]
    is_all_G, is_none_G = targets_G == last_G - first_G + 1, targets_G == 0
    same_G = (is_all_G[1:] & is_all_G[:-1]) | (is_none_G[1:] & is_none_G[:-1])
    starts_T = np.zeros(len(score_T), bool)
    starts_T[first_G] = np.concatenate([[True], ~same_G])  # tied trials of both kinds stand alone
    return np.cumsum(starts_T, dtype=np.int32) - 1
