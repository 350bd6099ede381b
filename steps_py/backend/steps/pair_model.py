"""What models have in common that score trials in Python, by their `PairScorer`."""

import sys
from typing import TYPE_CHECKING

import numpy as np

from steps_py.backend.score_lines import ScoredPairs, check_scores_finite, write_scored_pairs
from steps_py.backend.steps.base import Model
from steps_py.backend.vector_sides import read_sides
from steps_py.data.data_dir import read_table
from steps_py.data.trials import read_trial_list

if TYPE_CHECKING:
    from steps_py.backend.step_job import StepJob


class PairModel(Model):
    """Base: a subclass defines `pair_scorer`, and `files` if it has any.

    Attributes
    ----------
    counts_utterances : bool
        Whether the score depends on how many utterances were averaged into an enrolment.
    """

    counts_utterances = False

    def score(self, job: "StepJob") -> str:
        words = [job.labels(job.trials), job.enroll(), job.test()]
        if self.counts_utterances and job.num_utts:
            return job.python("write_counted_scores", job.num_utts, *words, *self.files(job))
        return job.python("write_scores", *words, *self.files(job))

    def write_counted_scores(self, num_utts, trials, enroll_in, test_in, *files):
        """Score a list of enrolments whose numbers of utterances are in the table `num_utts`."""
        self._write_scores(trials, enroll_in, test_in, files, num_utts)

    def write_scores(self, trials, enroll_in, test_in, *files):
        """Score a trial list; lines go to standard output."""
        self._write_scores(trials, enroll_in, test_in, files)

    def _write_scores(self, trials, enroll_in, test_in, files, num_utts=None):
        listed = read_trial_list(trials)
        enroll_T, test_T = (x.astype(np.int64) for x in (listed.enroll_T, listed.test_T))
        pairs = ScoredPairs(listed.sides, enroll_T, test_T, np.zeros(len(listed)))
        (enroll_ND, enroll_T, names), (test_ND, test_T, _) = read_sides(pairs, enroll_in, test_in)
        scorer, num_utts_N = self.pair_scorer(*files), None
        if num_utts:
            scorer, counts = scorer.of_models(), read_table(num_utts)
            num_utts_N = np.array([int(counts[name]) for name in names])
        enroll, test = scorer.enroll(enroll_ND, num_utts_N), scorer.test(test_ND)
        score_T = scorer.listed(enroll, test, enroll_T, test_T)
        pairs = pairs._replace(score_T=score_T)
        check_scores_finite(pairs, trials)
        write_scored_pairs(sys.stdout.buffer, pairs)
