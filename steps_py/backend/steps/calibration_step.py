"""What calibrations have in common: a function of scores, fitted on a trial list."""

import os
import sys
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from steps_py.backend.score_lines import (
    ScoredPairs,
    read_labels,
    read_score_lines,
    write_scored_pairs,
)
from steps_py.backend.steps.base import ScoreStep
from steps_py.backend.steps.trained_on_list import TrainedOnList

if TYPE_CHECKING:
    from steps_py.backend.step_job import StepJob


class CalibrationStep(TrainedOnList, ScoreStep):
    """Base: a subclass defines `fit` and `llr`, and `words` if it reads more than scores.

    Attributes
    ----------
    estimates : tuple of one str
        The file of the fit.
    """

    estimates: ClassVar[tuple[str, ...]]

    def words(self, job: "StepJob", trials: str) -> list[str]:
        """What `fit` and `llr` read beside the scores of a list; each file becomes an input."""
        return []

    def fit(self, out: str, pairs: ScoredPairs, target_T: np.ndarray, *words: str):
        """Fit the scores of labelled trials, and write the fit to the file `out`."""
        raise NotImplementedError

    def llr(self, fit: str, pairs: ScoredPairs, *words: str) -> np.ndarray:
        """Log-likelihood ratios of trials by the fit in a file, (T,)."""
        raise NotImplementedError

    def train(self, job: "StepJob") -> str:
        trials = self.config.calibrate_on
        words = [job.labels(trials), job.out, *self.words(job, trials)]
        return f"{job.scores_before(trials)} | {job.python('write_fit', *words)}"

    def rescore(self, job: "StepJob") -> str:
        words = self.words(job, job.trials)
        return job.python("rescore_lines", job.own(self.estimates[0]), job.trials, *words)

    def write_fit(self, labels: str, out: str | os.PathLike, *words) -> None:
        """Fit the scores on standard input; labels are those of the trial list."""
        pairs = read_score_lines(sys.stdin.buffer, self.config.calibrate_on)
        self.fit(out, pairs, read_labels(labels, pairs), *words)

    def rescore_lines(self, fit: str, trials: str, *words) -> None:
        """Score lines on standard input to calibrated lines on standard output."""
        pairs = read_score_lines(sys.stdin.buffer, trials)
        self.note_training_trials(trials)
        llr_T = self.llr(fit, pairs, *words)
        write_scored_pairs(sys.stdout.buffer, pairs._replace(score_T=llr_T))
