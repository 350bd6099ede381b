"""Mean of the highest scores with a cohort."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from steps_py.backend.score_norm import statistics
from steps_py.backend.steps.cohort_step import CohortStep, load_cohort
from steps_py.backend.steps.quality.base import MEASURES, Measure, values_of
from steps_py.errors import ConfigError
from steps_py.formats.vector_tables import read_vectors
from steps_py.settings.declare import setting

if TYPE_CHECKING:
    from steps_py.backend.step_job import StepJob


@MEASURES.register("cohort_mean")
class CohortMean(Measure):
    """The mean of the utterance's highest scores with the cohort of the chain's normalisation."""

    @dataclass(frozen=True, kw_only=True)
    class Config:
        top_n: int | None = setting(
            None, "highest scores that count; null: as many as for the normalisation", minimum=1
        )

    def check_place(self, before: list) -> None:
        if not any(isinstance(step, CohortStep) for step in before):
            raise ConfigError(
                "cohort_mean needs the cohort of a score normalisation before it in the chain, as"
                " {as_norm: {cohort: train}}."
            )

    def words(self, job: "StepJob", dset: str) -> list[str]:
        norm = job.step_before(CohortStep)
        step = norm.link.step
        top_n = self.config.top_n or step.config.top_n or 0
        return [norm.vectors(dset), str(top_n), *step.words(norm)]

    def values(self, utts: list[str], vectors: str, top_n: str, *words) -> np.ndarray:
        cohort = load_cohort(*words)
        keys, x_ND = read_vectors(vectors)
        wanted = set(utts)
        rows = [row for row, key in enumerate(keys) if key in wanted]
        side = cohort.scorer.enroll(x_ND[rows])
        found = statistics(cohort.of_enroll(side), len(rows), int(top_n) or None)
        means = dict(zip(np.array(keys, object)[rows], found.mean_N.tolist(), strict=True))
        return values_of(utts, means, vectors)
