"""Mean of the scores of several systems."""

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from steps_py.backend.score_lines import write_scored_pairs
from steps_py.backend.steps.base import STEPS, Join
from steps_py.backend.steps.fuse import read_systems
from steps_py.settings.declare import setting

if TYPE_CHECKING:
    from steps_py.backend.step_job import StepJob


@STEPS.register("mean_systems")
class MeanSystems(Join):
    """The mean of the scores of other systems, which should be on one scale, such as cosines.

    It needs no trials to be estimated on; `fuse` weights the systems.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        systems: list[str] = setting(
            description="names of scores.systems", minItems=1, uniqueItems=True
        )

    @property
    def systems(self) -> list[str]:
        return self.config.systems

    def score(self, job: "StepJob") -> str:
        scores = [job.scores_of(system, job.trials) for system in self.systems]
        return job.python("write_mean", *scores)

    def write_mean(self, *scores):
        """The mean of the systems' scores, to standard output."""
        pairs, score_TF = read_systems(scores)
        write_scored_pairs(sys.stdout.buffer, pairs._replace(score_T=score_TF.mean(axis=1)))
