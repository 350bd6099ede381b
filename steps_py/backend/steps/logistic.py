"""Calibration by logistic regression."""

from steps_py.backend.calibration import fit_logistic
from steps_py.backend.steps.base import STEPS
from steps_py.backend.steps.calibration_step import CalibrationStep
from steps_py.backend.steps.trained_on_list import PriorConfig
from steps_py.backend.weights import read_weights, write_weights


@STEPS.register("logistic")
class LogisticCalibration(CalibrationStep):
    """Scores to log-likelihood ratios, by a scale and an offset.

    Library: `steps_py.backend.calibration.fit_logistic`.
    """

    estimates = ("weights.json",)
    Config = PriorConfig

    def fit(self, out, pairs, target_T):
        fit = fit_logistic(pairs.score_T[:, None], target_T, self.config.p_target)
        write_weights(out, fit, ["score"], self.config)

    def kept_files(self, job):
        return [job.own("weights.json")]

    def score_function(self, scorer, fit):
        weights = read_weights(fit)
        (scale,), offset = weights.weights_F, weights.offset
        return lambda score_T, trials: scale * score_T + offset

    def llr(self, fit, pairs):
        return read_weights(fit).llr(pairs.score_T[:, None])
