"""Calibration by isotonic regression."""

import json
from dataclasses import asdict, dataclass

import numpy as np

from steps_py.backend.calibration import Isotonic, fit_isotonic
from steps_py.backend.steps.base import STEPS
from steps_py.backend.steps.calibration_step import CalibrationStep
from steps_py.backend.steps.trained_on_list import ListConfig
from steps_py.files import atomic_write
from steps_py.settings.declare import setting


@STEPS.register("pav")
class PavCalibration(CalibrationStep):
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

    def fit(self, out, pairs, target_T):
        fit = fit_isotonic(pairs.score_T, target_T, self.config.add_one)
        with atomic_write(out) as file:
            lists = {name: array.tolist() for name, array in asdict(fit).items()}
            file.write(json.dumps(lists) + "\n")

    def kept_files(self, job):
        return [job.own("blocks.json")]

    def score_function(self, scorer, fit):
        blocks = _read_blocks(fit)
        return lambda score_T, trials: blocks.llr(score_T)

    def llr(self, fit, pairs):
        return _read_blocks(fit).llr(pairs.score_T)


def _read_blocks(path):
    with open(path) as file:
        lists = json.load(file)
    return Isotonic(**{name: np.array(values) for name, values in lists.items()})
