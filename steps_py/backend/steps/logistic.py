"""Calibration by logistic regression."""

import sys

from steps_py.backend.calibration import fit_logistic
from steps_py.backend.score_lines import read_labels, read_score_lines, write_scored_pairs
from steps_py.backend.steps.base import STEPS, ScoreStep
from steps_py.backend.steps.trained_on_list import PriorConfig, TrainedOnList
from steps_py.backend.weights import read_weights, write_weights


@STEPS.register("logistic")
class LogisticCalibration(TrainedOnList, ScoreStep):
    """Scores to log-likelihood ratios, by a scale and an offset.

    Library: `steps_py.backend.calibration.fit_logistic`.
    """

    estimates = ("weights.json",)
    Config = PriorConfig

    def train(self, job):
        trials = self.config.calibrate_on
        fit = job.python("write_weights", job.labels(trials), job.out)
        return f"{job.scores_before(trials)} | {fit}"

    def rescore(self, job):
        return job.python("rescore_lines", job.own("weights.json"), job.trials)

    def write_weights(self, labels, out):
        """Fit the scores on standard input; labels are those of the trial list."""
        pairs = read_score_lines(sys.stdin.buffer, self.config.calibrate_on)
        target_T = read_labels(labels, pairs)
        fit = fit_logistic(pairs.score_T[:, None], target_T, self.config.p_target)
        write_weights(out, fit, ["score"], self.config)

    def rescore_lines(self, weights, trials):
        """Score lines on standard input to calibrated lines on standard output."""
        pairs = read_score_lines(sys.stdin.buffer, trials)
        self.note_training_trials(trials)
        llr_T = read_weights(weights).llr(pairs.score_T[:, None])
        write_scored_pairs(sys.stdout.buffer, pairs._replace(score_T=llr_T))
