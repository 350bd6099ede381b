"""What a metric is computed from: error rates and means of trials that count more or less often.

Shape suffixes (scope: this module):
    D = weightings of the trials: one, or the draws of a bootstrap   S = speakers
    E = steps of the ROC   K = E + 1 operating points
"""

import functools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from steps_py.scoring.identification import Utterances

if TYPE_CHECKING:
    from steps_py.scoring.sorted_trials import SortedTrials


class WeightedTrials:
    """The trials of one list with one system's scores, under D weightings.

    Attributes
    ----------
    p_miss_DK, p_fa_DK : float arrays
        Miss and false-alarm rates, fractions, at each operating point: the first accepts every
        trial (0, 1), the last rejects every trial (1, 0).  Points that lie on a straight line
        for every weighting are left out, ties are one point.
    targets_DE, nontargets_DE : float arrays
        How many trials count between two operating points.
    num_targets_D, num_nontargets_D : float arrays
        How many trials count, each as often as it weighs.

    Examples
    --------
    >>> from steps_py.scoring.sorted_trials import SortedTrials
    >>> trials = SortedTrials([1.0, 2, 0, 1], [True, True, False, False]).once()
    >>> trials.p_miss_DK[0], trials.p_fa_DK[0]
    (array([0. , 0. , 0.5, 1. ]), array([1. , 0.5, 0. , 0. ]))
    >>> trials.target_mean(np.square)
    array([2.5])
    """

    def __init__(
        self,
        trials: "SortedTrials",
        times_SD: np.ndarray,
        targets_DE: np.ndarray,
        nontargets_DE: np.ndarray,
    ):
        self._trials, self._times_SD = trials, times_SD
        self.targets_DE, self.nontargets_DE = targets_DE, nontargets_DE
        self.num_targets_D, self.num_nontargets_D = (
            targets_DE.sum(axis=1),
            nontargets_DE.sum(axis=1),
        )

    @functools.cached_property
    def p_miss_DK(self) -> np.ndarray:
        return _running(self.targets_DE) / self.num_targets_D[:, None]

    @functools.cached_property
    def p_fa_DK(self) -> np.ndarray:
        rejected_DK, all_D1 = _running(self.nontargets_DE), self.num_nontargets_D[:, None]
        return (all_D1 - rejected_DK) / all_D1

    def one_by_one(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield (targets_E, nontargets_E) of each weighting, for what is computed one by one."""
        yield from zip(self.targets_DE, self.nontargets_DE, strict=True)

    def target_mean(self, function: Callable) -> np.ndarray:
        """The mean of ``function(scores)`` over the target trials, (D,).

        `function` takes and returns an array.  Its values are kept for the next weighting: give
        a function or a method, not a lambda.
        """
        return self._trials.sum_scores(function, True, self._times_SD) / self.num_targets_D

    def nontarget_mean(self, function: Callable) -> np.ndarray:
        """The mean of ``function(scores)`` over the nontarget trials, (D,)."""
        return self._trials.sum_scores(function, False, self._times_SD) / self.num_nontargets_D

    def known_utterances(self) -> Utterances:
        """The test utterances that have a model of their speaker in the list.

        This and the next two are for identification; they raise ListShapeError if the list does
        not compare each test utterance with several models.
        """
        return self._trials.identification.known(self._times_SD)

    def unknown_utterances(self) -> Utterances:
        """Those that have none; ListShapeError also if there are none."""
        return self._trials.identification.unknown(self._times_SD)

    def closed_set(self) -> Utterances:
        """All test utterances; ListShapeError also if one has no model of its speaker."""
        return self._trials.identification.closed_set(self._times_SD)


def _running(count_DE):
    running_DK = np.zeros((len(count_DE), count_DE.shape[1] + 1))
    np.cumsum(count_DE, axis=1, out=running_DK[:, 1:])
    return running_DK
