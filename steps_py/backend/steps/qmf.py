"""Calibration with quality measures."""

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from steps_py.backend.calibration import fit_logistic
from steps_py.backend.steps.base import STEPS
from steps_py.backend.steps.calibration_step import CalibrationStep
from steps_py.backend.steps.quality import MEASURES
from steps_py.backend.steps.trained_on_list import PriorConfig
from steps_py.backend.weights import read_weights, write_weights
from steps_py.errors import ConfigError
from steps_py.settings.declare import setting

if TYPE_CHECKING:
    from steps_py.backend.score_lines import ScoredPairs
    from steps_py.backend.step_job import StepJob

OF_SIDES = {  # of the values of the enrolment and of the test utterance
    "min": np.minimum,
    "max": np.maximum,
    "diff": lambda a, b: np.abs(a - b),
    "ratio": lambda a, b: np.maximum(a, b) / np.minimum(a, b),
    "enroll": lambda a, b: a,
    "test": lambda a, b: b,
}


@STEPS.register("qmf")
class QualityCalibration(CalibrationStep):
    """Scores to log-likelihood ratios, by weights of the score and of measures of its utterances.

    Library: `steps_py.backend.calibration.fit_logistic`, `steps_py.backend.steps.quality`.
    J. Thienpondt et al., "The IDLab VoxCeleb speaker recognition challenge 2020", 2020.
    """

    estimates = ("weights.json",)

    @dataclass(frozen=True, kw_only=True)
    class Config(PriorConfig):
        measures: list[str | dict] = setting(
            ["duration_sec", "embedding_norm", "cohort_mean"],
            "quality measures, each a name or {name: {options}}",
            minItems=1,
        )
        sides: list[Literal[tuple(OF_SIDES)]] = setting(
            ["min", "max"],
            "what of the two utterances' values counts; min and max hold all that diff does",
            minItems=1,
            uniqueItems=True,
        )

    def __init__(self, config):
        super().__init__(config)
        self._sections = [_section(measure) for measure in config.measures]
        self._measures = [MEASURES.build(section) for section in self._sections]

    def check_place(self, before: list) -> None:
        for measure in self._measures:
            measure.check_place(before)

    def words(self, job: "StepJob", trials: str) -> list[str]:
        """The words of every measure for the sets of both sides, as one word of JSON."""
        for measure in self._measures:
            job.own_files(type(measure))
        sides = [[m.words(job, dset) for m in self._measures] for dset in job.sets_of(trials)]
        return [json.dumps(sides)]

    def fit(
        self, out: str | os.PathLike, pairs: "ScoredPairs", target_T: np.ndarray, words: str
    ) -> None:
        features_TF = self.features(pairs, json.loads(words))
        fit = fit_logistic(features_TF, target_T, self.config.p_target)
        write_weights(out, fit, self.feature_names(), self.config)

    def llr(self, fit: str, pairs: "ScoredPairs", words: str) -> np.ndarray:
        return read_weights(fit).llr(self.features(pairs, json.loads(words)))

    def feature_names(self) -> list[str]:
        """What the weights are of, in their order."""
        names = [json.dumps(s) if len(s) > 1 else s["name"] for s in self._sections]
        return ["score", *(f"{side} {name}" for name in names for side in self.config.sides)]

    def features(self, pairs: "ScoredPairs", words: list[list[list]]) -> np.ndarray:
        """The score and the measures of each trial, (T, F)."""
        columns = [pairs.score_T]
        for measure, enroll_words, test_words in zip(self._measures, *words, strict=True):
            enroll, test = set(pairs.enroll_T.tolist()), set(pairs.test_T.tolist())
            if enroll_words == test_words:
                enroll_N = test_N = _values(measure, pairs.names, enroll | test, test_words)
            else:
                enroll_N = _values(measure, pairs.names, enroll, enroll_words)
                test_N = _values(measure, pairs.names, test, test_words)
            both = enroll_N[pairs.enroll_T], test_N[pairs.test_T]
            columns += [OF_SIDES[side](*both) for side in self.config.sides]
        return np.stack(columns, axis=1)


def _values(measure, names, places, words):
    """The measure's value of each of `names` whose place is given; nan for the others."""
    used = np.array(sorted(places))
    value_N = np.full(len(names), np.nan)
    value_N[used] = measure.values([names[place] for place in used.tolist()], *words)
    return value_N


def _section(measure):
    """``{name: ..., **options}`` of ``name`` or ``{name: options}``."""
    if isinstance(measure, str):
        return {"name": measure}
    if len(measure) != 1:
        raise ConfigError(f"qmf: a measure is a name or {{name: {{options}}}}, not {measure}.")
    ((name, options),) = measure.items()
    return {"name": name, **(options or {})}
