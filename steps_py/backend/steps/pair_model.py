"""What models have in common that score trials in Python, by their `PairScorer`."""

import sys

import numpy as np

from steps_py.backend.score_lines import ScoredPairs, check_scores_finite, write_scored_pairs
from steps_py.backend.steps.base import Model
from steps_py.backend.vector_sides import read_sides
from steps_py.data.trials import read_trial_list


class PairModel(Model):
    """Base: a subclass defines `pair_scorer`, and `files` if it has any."""

    def score(self, job):
        words = [job.labels(job.trials), job.enroll(), job.test(), *self.files(job)]
        return job.python("write_scores", *words)

    def write_scores(self, trials, enroll_in, test_in, *files):
        """Score a trial list; lines go to standard output."""
        listed = read_trial_list(trials)
        enroll_T, test_T = (x.astype(np.int64) for x in (listed.enroll_T, listed.test_T))
        pairs = ScoredPairs(listed.sides, enroll_T, test_T, np.zeros(len(listed)))
        (enroll_ND, enroll_T, _), (test_ND, test_T, _) = read_sides(pairs, enroll_in, test_in)
        scorer = self.pair_scorer(*files)
        score_T = scorer.listed(scorer.enroll(enroll_ND), scorer.test(test_ND), enroll_T, test_T)
        pairs = pairs._replace(score_T=score_T)
        check_scores_finite(pairs, trials)
        write_scored_pairs(sys.stdout.buffer, pairs)
