"""Calibration by isotonic regression."""

import json
import sys
from dataclasses import asdict, dataclass

import numpy as np

from steps_py.backend.calibration import Isotonic, fit_isotonic
from steps_py.backend.score_lines import read_labels, read_score_lines, write_scored_pairs
from steps_py.backend.steps.base import STEPS, ScoreStep
from steps_py.backend.steps.trained_on_list import ListConfig, TrainedOnList
from steps_py.files import atomic_write
from steps_py.settings.declare import setting


@STEPS.register("pav")
class PavCalibration(TrainedOnList, ScoreStep):
    """Scores to log-likelihood ratios by the best rising function (pool adjacent violators).

    The best calibration that the order of the scores allows, on the list itself: a reference.
    Library: `steps_py.backend.calibration.fit_isotonic`.
    """

    estimates = ("blocks.json",)

    @dataclass(frozen=True, kw_only=True)
    class Config(ListConfig):
        add_one: bool = setting(
            True, "a target and a nontarget trial more at each end, so that all ratios are finite"
        )

    def train(self, job):
        trials = self.config.calibrate_on
        fit = job.python("write_blocks", job.labels(trials), job.out)
        return f"{job.scores_before(trials)} | {fit}"

    def rescore(self, job):
        return job.python("rescore_lines", job.own("blocks.json"), job.trials)

    def write_blocks(self, labels, out):
        """Fit the scores on standard input; labels are those of the trial list."""
        pairs = read_score_lines(sys.stdin.buffer, self.config.calibrate_on)
        fit = fit_isotonic(pairs.score_T, read_labels(labels, pairs), self.config.add_one)
        with atomic_write(out) as file:
            lists = {name: array.tolist() for name, array in asdict(fit).items()}
            file.write(json.dumps(lists) + "\n")

    def rescore_lines(self, blocks, trials):
        """Score lines on standard input to calibrated lines on standard output."""
        pairs = read_score_lines(sys.stdin.buffer, trials)
        self.note_training_trials(trials)
        with open(blocks) as file:
            fit = Isotonic(**{name: np.array(values) for name, values in json.load(file).items()})
        write_scored_pairs(sys.stdout.buffer, pairs._replace(score_T=fit.llr(pairs.score_T)))
