"""A chain of scoring steps in memory: scores of vectors without a recipe, tables or commands.

Shape suffixes (scope: this module):
    N = vectors   D = dimension   T = trials   F = systems
"""

from typing import Any, NamedTuple

import numpy as np

from steps_py.backend.enrolled import Enrolled, EnrolledSide, SidesOfEnrolled
from steps_py.backend.pair_scorers import Side
from steps_py.backend.score_norm import Cohort, Sides
from steps_py.backend.steps import STEPS
from steps_py.backend.steps.base import Join, Model, Transform
from steps_py.errors import BackendError


class MemoryTrials(NamedTuple):
    """What steps may read of the trials of all enrolments with one test, beside their scores."""

    enrolled: EnrolledSide
    test: Side

    def with_cohort(self, cohort: Cohort) -> Sides:
        """Both sides, compared with a cohort."""
        return SidesOfEnrolled(cohort, self.enrolled, self.test)


class ListedTrials(NamedTuple):
    """The same for listed pairs of two sides."""

    enroll: Side
    test: Side
    enroll_T: np.ndarray
    test_T: np.ndarray

    def with_cohort(self, cohort: Cohort) -> Sides:
        """Both sides, compared with a cohort."""
        return Sides(cohort, *self)


class KeptChain:
    """The steps of a system, loaded from its files.

    Parameters
    ----------
    links : list of dict
        As `steps_py.backend.systems.Systems.kept` gives them.
    several : bool
        Whether enrolments are of several utterances each.

    Examples
    --------
    >>> chain = KeptChain([{"step": {"name": "cosine"}, "files": []}])
    >>> enrolled = chain.enroll(np.array([[3.0, 4.0], [1.0, 0.0]]))
    >>> chain.score(enrolled, np.array([0.0, 2.0])).round(6)
    array([0.8, 0. ])
    """

    def __init__(self, links: list[dict[str, Any]], several: bool = False):
        self._transforms, self._scorer, self._join, self._after = [], None, None, []
        for link in links:
            step = STEPS.build(link["step"])
            if isinstance(step, Transform):
                self._transforms.append(step.vector_function(*link["files"]))
            elif isinstance(step, Model):
                scorer = step.pair_scorer(*link["files"])
                self._scorer = scorer.of_models() if several else scorer
            elif isinstance(step, Join):
                chains = [KeptChain(other, several) for other in link["systems"]]
                self._join = chains, step.join_function(*link["files"])
            else:
                self._after.append(step.score_function(self._scorer, *link["files"]))

    def enroll(self, x_ND: np.ndarray, num_utts_N: np.ndarray | None = None) -> Enrolled:
        """Enrolments by vectors, the means of `num_utts_N` utterances each; None: one each."""
        enrolled = Enrolled(len(x_ND))
        self._enroll(x_ND, num_utts_N, enrolled)
        return enrolled

    def score(self, enrolled: Enrolled, x_D: np.ndarray) -> np.ndarray:
        """Scores of all enrolments with one test vector, float64 (T,)."""
        return self._score(x_D[np.newaxis], iter(enrolled.sides))

    def score_pairs(self, enroll_ND, test_ND, enroll_T, test_T) -> np.ndarray:
        """Scores of pairs of single vectors, given as rows of both arrays, float64 (T,).

        Unlike those of `score` they are not rounded between steps: they have the derivatives of
        the steps.
        """
        if self._join:
            chains, join = self._join
            rows = (enroll_ND, test_ND, enroll_T, test_T)
            score_T = join(np.stack([chain.score_pairs(*rows) for chain in chains], axis=1))
            trials = None
        else:
            for transform in self._transforms:
                enroll_ND, test_ND = transform(enroll_ND), transform(test_ND)
            enroll, test = self._scorer.enroll(enroll_ND), self._scorer.test(test_ND)
            score_T = self._scorer.listed(enroll, test, enroll_T, test_T)
            trials = ListedTrials(enroll, test, enroll_T, test_T)
        for function in self._after:
            score_T = function(score_T, trials)
        return score_T

    def _enroll(self, x_ND, num_utts_N, enrolled):
        if self._join:
            for chain in self._join[0]:
                chain._enroll(x_ND, num_utts_N, enrolled)
            return
        side = self._scorer.enroll(self._prepared(x_ND), num_utts_N)
        enrolled.sides.append(EnrolledSide(side))

    def _score(self, x_1D, sides):
        if self._join:
            chains, join = self._join
            score_T = join(np.stack([chain._score(x_1D, sides) for chain in chains], axis=1))
            trials = None
        else:
            enrolled = next(sides)
            side = enrolled.side
            test = self._scorer.test(self._prepared(x_1D))
            if side.vectors_NK.dtype == np.float32:
                test = test.single()
            sum_T = side.vectors_NK @ test.vectors_NK[0]  # faster than a matrix of one column
            sum_T += side.offset_N
            sum_T += test.offset_N[0]
            score_T = self._scorer.finish(sum_T).astype(np.float64)
            trials = MemoryTrials(enrolled, test)
        for function in self._after:
            score_T = function(score_T, trials)
        if not np.isfinite(score_T).all():
            raise BackendError("scores are not finite. Is a vector zero?")
        return score_T

    def _prepared(self, x_ND):
        """The vectors after all transforms, each rounded as tables keep it."""
        for transform in self._transforms:
            x_ND = np.asarray(transform(x_ND), np.float32)
        return x_ND
