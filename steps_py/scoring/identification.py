"""Identification: test utterances that a list compares with several enrolled models each.

The speaker of a known utterance has a model in the list, so the utterance has a target trial.
Those of a closed set are all known; an open set has unknown ones too, which should match none of
the models.  A speaker may have several models: the best one counts.

Shape suffixes (scope: this module):
    T = trials, in rising order of their scores   U = test utterances
    S = speakers, and one more that always counts once   D = weightings of the trials
"""

from typing import NamedTuple

import numpy as np

from steps_py.errors import ScoreError, some


class ListShapeError(ScoreError):
    """A trial list is not one of identification, or not of the kind that a metric needs."""


class Utterances(NamedTuple):
    """Known or unknown test utterances.

    Attributes
    ----------
    best_U : float array
        The highest score with any model.
    own_U : float array
        The highest score with a model of the utterance's own speaker; -inf for unknown ones.
    rank_U : int array
        The place of that model among all models of the utterance, 1 for the first; models of
        other speakers with the same score rank above it.
    share_UD : float array
        How much each utterance counts under each weighting: as often as its speaker was drawn,
        divided so that the sum is 1; nan if none counts.
    """

    best_U: np.ndarray
    own_U: np.ndarray
    rank_U: np.ndarray
    share_UD: np.ndarray

    def mean(self, value_U: np.ndarray) -> np.ndarray:
        """The mean of a value of each utterance; float (D,)."""
        return np.asarray(value_U, float) @ self.share_UD


class Identification:
    """The test utterances of a list with the scores of one system.

    Parameters
    ----------
    score_T, target_T : float and bool arrays
        The trials, by rising scores.
    test_T, names : int array and list of str
        The test utterance of each trial, a place in the names.
    speaker_T : int array
        The number of the test utterance's speaker.
    part_T : int array
        The part of the list; parts count alike.

    Raises
    ------
    ListShapeError
        If a test utterance is compared with one model only, or with those of one speaker.

    Examples
    --------
    >>> zeros = np.zeros(4, int)
    >>> score, target, test = np.array([1.0, 2, 3, 4]), np.array([0, 1, 0, 0], bool), zeros.copy()
    >>> test[[2, 3]] = 1
    >>> found = Identification(score, target, test, ["a", "b"], zeros, zeros)
    >>> found.known(np.ones((1, 1))).own_U, found.unknown(np.ones((1, 1))).best_U
    (array([2.]), array([4.]))
    """

    def __init__(
        self,
        score_T: np.ndarray,
        target_T: np.ndarray,
        test_T: np.ndarray,
        names: list[str],
        speaker_T: np.ndarray,
        part_T: np.ndarray,
    ):
        num_names = int(test_T.max()) + 1
        others = np.bincount(test_T[~target_T], minlength=num_names)
        targets = np.bincount(test_T[target_T], minlength=num_names)
        used = np.flatnonzero(others + targets)
        few = used[(others[used] == 0) | (others[used] + targets[used] == 1)]
        if few.size:
            raise ListShapeError(
                f"metrics: {few.size} of {used.size} test utterances are not compared with several"
                f" models, some of other speakers ({_shown(names, few)}). Identification is for"
                " lists in which each test utterance has a trial with every model."
            )
        best, own = np.full((2, num_names), -np.inf)
        last = np.zeros(num_names, np.int64)  # the trial that decides about an utterance
        best[test_T], last[test_T] = score_T, np.arange(len(score_T))  # the last one remains
        place_T = np.flatnonzero(target_T)
        own[test_T[place_T]], last[test_T[place_T]] = score_T[place_T], place_T
        above_T = ~target_T & (score_T >= own[test_T])
        rank = 1 + np.bincount(test_T[above_T], minlength=num_names)
        self._values = best[used], own[used], rank[used]
        self._speaker_U, self._part_U = speaker_T[last[used]], part_T[last[used]]
        self._is_known_U = targets[used] > 0
        self._names, self._name_U = names, used

    def known(self, times_SD: np.ndarray) -> Utterances:
        """Those whose speaker has a model; ``times_SD[s, d]`` says how often a speaker counts."""
        return self._utterances(self._is_known_U, times_SD)

    def unknown(self, times_SD: np.ndarray) -> Utterances:
        """Those whose speaker has none; ListShapeError if there are none."""
        if self._is_known_U.all():
            raise ListShapeError(
                f"metrics: each of the {len(self._is_known_U)} test utterances has a target trial,"
                " and false alarms of identification are of speakers without a model. Add test"
                " utterances of such speakers, or measure top_k."
            )
        return self._utterances(~self._is_known_U, times_SD)

    def closed_set(self, times_SD: np.ndarray) -> Utterances:
        """All of them; ListShapeError if one is unknown."""
        unknown = self._name_U[~self._is_known_U]
        if unknown.size:
            raise ListShapeError(
                f"metrics: {unknown.size} of {len(self._name_U)} test utterances have no target"
                f" trial ({_shown(self._names, unknown)}). Top-k accuracy is of a closed set, in"
                " which each has one; for an open set measure dir_at_far."
            )
        return self.known(times_SD)

    def _utterances(self, chosen_U, times_SD):
        share_UD, part_U = times_SD[self._speaker_U[chosen_U]], self._part_U[chosen_U]
        parts = np.unique(part_U)
        with np.errstate(invalid="ignore"):
            for part in parts:
                share_UD[part_U == part] /= len(parts) * share_UD[part_U == part].sum(axis=0)
        return Utterances(*(value_U[chosen_U] for value_U in self._values), share_UD)


def _shown(names, places):
    return some([names[place] for place in places[:3].tolist()], total=places.size)
