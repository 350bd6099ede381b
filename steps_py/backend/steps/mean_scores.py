"""Mean of the scores of a trial's parts."""

import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from steps_py.backend.score_lines import ScoredPairs, read_score_lines, write_scored_pairs
from steps_py.backend.steps.base import STEPS, Model, ScoreStep
from steps_py.backend.steps.trained_on_list import TrainedOnList
from steps_py.data.trial_parts import OVER, UTTERANCES, pairs_of_parts
from steps_py.data.trials import read_trial_list
from steps_py.errors import ConfigError, ScoreError
from steps_py.settings.declare import setting

if TYPE_CHECKING:
    from steps_py.backend.step_job import StepJob


@STEPS.register("mean_scores")
class MeanScores(ScoreStep):
    """The mean of scores that the steps before it give to the parts of a trial.

    Library: `steps_py.data.trial_parts`.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        over: Literal[OVER] = setting(
            UTTERANCES,
            "utterances: those of a model of data.models; copies: of xvectors.copies, the first of"
            " one side with the first of the other, and so on; all_copies: each with each",
        )

    @property
    def over(self) -> str:
        return self.config.over

    def check_place(self, before: list) -> None:
        is_bad = any(isinstance(step, TrainedOnList | MeanScores) for step in before)
        if is_bad or not any(isinstance(step, Model) for step in before):
            raise ConfigError(
                "mean_scores must come after the model, or after a normalisation of its scores,"
                " once in a chain and before all calibration."
            )

    def rescore(self, job: "StepJob") -> str:
        tables = [job.part_tables(dset, self.over) for dset in job.sets_of(job.trials)]
        return job.python("rescore_lines", job.labels(job.trials), json.dumps(tables))

    def rescore_lines(self, trials, tables):
        """Score lines of parts on standard input to lines of trials on standard output."""
        listed = read_trial_list(trials)
        pairs = pairs_of_parts(listed, *json.loads(tables), self.over)
        score_P = _scores_of(pairs, read_score_lines(sys.stdin.buffer, trials), trials)
        sum_T = np.bincount(pairs.trial_P, score_P, len(listed))
        score_T = sum_T / np.bincount(pairs.trial_P, minlength=len(listed))
        sides_T = (side_T.astype(np.int64) for side_T in (listed.enroll_T, listed.test_T))
        write_scored_pairs(sys.stdout.buffer, ScoredPairs(listed.sides, *sides_T, score_T))


def _scores_of(pairs, scored, where):
    """The score of each of `pairs`, which are in another order among `scored`."""
    place_of = {name: place for place, name in enumerate(scored.names)}
    place_S = np.array([place_of.get(name, -1) for name in pairs.names], np.int64)
    wanted_P = place_S[pairs.enroll_P] << 32 | place_S[pairs.test_P]
    key_T = scored.enroll_T << 32 | scored.test_T
    order_T = np.argsort(key_T)
    row_P = np.minimum(np.searchsorted(key_T, wanted_P, sorter=order_T), len(key_T) - 1)
    row_P = order_T[row_P]
    missing = np.flatnonzero(key_T[row_P] != wanted_P)
    if missing.size:
        first = pairs.names[pairs.enroll_P[missing[0]]], pairs.names[pairs.test_P[missing[0]]]
        raise ScoreError(
            f"{where}: {missing.size} pairs of parts have no score ({' '.join(first)} ...). Remove"
            " the scores and score again."
        )
    return scored.score_T[row_P]
