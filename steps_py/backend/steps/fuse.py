"""Fusion of systems."""

import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from steps_py.backend.calibration import fit_logistic
from steps_py.backend.score_lines import (
    in_order_of,
    read_labels,
    read_score_lines,
    write_scored_pairs,
)
from steps_py.backend.steps.base import STEPS, Join
from steps_py.backend.steps.trained_on_list import PriorConfig, TrainedOnList
from steps_py.backend.weights import read_weights, write_weights
from steps_py.settings.declare import setting

if TYPE_CHECKING:
    from steps_py.backend.score_lines import ScoredPairs
    from steps_py.backend.step_job import StepJob


@STEPS.register("fuse")
class Fusion(TrainedOnList, Join):
    """A weighted sum of the scores of other systems, a log-likelihood ratio.

    Library: `steps_py.backend.calibration.fit_logistic`.
    """

    estimates = ("weights.json",)

    @dataclass(frozen=True, kw_only=True)
    class Config(PriorConfig):
        systems: list[str] = setting(
            description="names of scores.systems", minItems=1, uniqueItems=True
        )

    @property
    def systems(self) -> list[str]:
        return self.config.systems

    def train(self, job: "StepJob") -> str:
        trials = self.config.calibrate_on
        scores = [job.scores_of(system, trials) for system in self.systems]
        return job.python("write_weights", job.labels(trials), job.out, *scores)

    def score(self, job: "StepJob") -> str:
        scores = [job.scores_of(system, job.trials) for system in self.systems]
        return job.python("write_fused", job.own("weights.json"), job.trials, *scores)

    def kept_files(self, job):
        return [job.own("weights.json")]

    def join_function(self, weights):
        return read_weights(weights).llr

    def write_weights(self, labels: str, out: str | os.PathLike, *scores) -> None:
        """Fit the scores in files, one of each system; labels are those of the trial list."""
        pairs, score_TF = read_systems(scores)
        fit = fit_logistic(score_TF, read_labels(labels, pairs), self.config.p_target)
        write_weights(out, fit, self.systems, self.config)

    def write_fused(self, weights, trials, *scores):
        """The sum of the systems' scores, to standard output."""
        pairs, score_TF = read_systems(scores)
        self.note_training_trials(trials)
        llr_T = read_weights(weights).llr(score_TF)
        write_scored_pairs(sys.stdout.buffer, pairs._replace(score_T=llr_T))


def read_systems(paths: tuple[str, ...]) -> "tuple[ScoredPairs, np.ndarray]":
    """The pairs of the first file, and the scores of all files in its order, (T, F)."""
    first, *others = (read_score_lines(path, path) for path in paths)
    columns = [first.score_T, *(in_order_of(other, first) for other in others)]
    return first, np.stack(columns, axis=1)
