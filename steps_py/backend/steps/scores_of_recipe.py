"""Scores that a system of another recipe gave to the same trials."""

import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from steps_py.backend.score_lines import read_score_lines, write_scored_pairs
from steps_py.backend.steps.base import STEPS, Join
from steps_py.data.trials import read_trial_list
from steps_py.errors import ScoreError, some
from steps_py.settings.declare import setting

if TYPE_CHECKING:
    from steps_py.backend.step_job import StepJob


@STEPS.register("scores_of_recipe")
class ScoresOfRecipe(Join):
    """The scores of a system of another finished recipe, such as one with i-vectors, for `fuse`.

    Its trial list of the same name, or its `list`, has the trials of this recipe's lists.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        recipe: str = setting(description="folder of the other recipe; relative: to this one")
        system: str = setting(description="name of one of its scores.systems")
        list: str | None = setting(
            None, "its trial list, which has the trials of all lists; null: that of the same name"
        )

    def score(self, job: "StepJob") -> str:
        folder = os.path.normpath(self.config.recipe)
        trials = self.config.list or job.trials
        scores = job.outside(f"{folder}/exp/scores/{self.config.system}/{trials}")
        return job.python("write_scores", scores, job.labels(job.trials))

    def write_scores(self, scores: str, trials: str) -> None:
        """Write the scores in a file, in the order of a trial list, to standard output.

        Raises ScoreError if the file lacks a trial of the list; more trials are allowed.
        """
        given = read_score_lines(scores, scores)
        rows = zip(given.enroll_T.tolist(), given.test_T.tolist(), strict=True)
        row_of = {(given.names[e], given.names[t]): row for row, (e, t) in enumerate(rows)}
        wanted = read_trial_list(trials)
        pairs = [
            (wanted.sides[e], wanted.sides[t])
            for e, t in zip(wanted.enroll_T.tolist(), wanted.test_T.tolist(), strict=True)
        ]
        missing = [" ".join(pair) for pair in pairs if pair not in row_of]
        if missing:
            raise ScoreError(
                f"{scores}: {len(missing)} of the {len(pairs)} trials of {trials} have no score"
                f" there ({some(missing)}). Give both recipes the same utterances and trial list."
            )
        rows = [row_of[pair] for pair in pairs]
        write_scored_pairs(
            sys.stdout.buffer,
            given._replace(
                enroll_T=given.enroll_T[rows],
                test_T=given.test_T[rows],
                score_T=given.score_T[rows],
            ),
        )
