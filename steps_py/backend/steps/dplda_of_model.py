"""Scoring by the discriminative PLDA that was trained with the network."""

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from steps_py.backend.command_line import command_line
from steps_py.backend.projected_scorer import read_projected
from steps_py.backend.steps.base import STEPS
from steps_py.backend.steps.keep_columns import KeepColumns
from steps_py.backend.steps.pair_model import PairModel
from steps_py.errors import ConfigError

if TYPE_CHECKING:
    from steps_py.backend.step_job import StepJob


@STEPS.register("dplda_of_model")
class DiscriminativePldaOfModel(PairModel):
    """The loss `dplda` of the network: its norm, centring, LDA, length norm and score.

    It reads x-vectors as they are: only `keep_columns` may be before it.  Library:
    `steps_py.model.losses.dplda`, `steps_py.backend.projected_scorer`.
    """

    estimates = ("dplda.npz",)
    counts_utterances = True
    loss = "dplda"

    @dataclass(frozen=True, kw_only=True)
    class Config:
        pass

    def check_place(self, before: list) -> None:
        if not all(isinstance(step, KeepColumns) for step in before):
            raise ConfigError(
                "dplda_of_model: contains the steps that the network was trained with. Remove the"
                " steps before it."
            )

    def estimate(self, file: str | os.PathLike, job: "StepJob") -> str:
        module = "steps_py.stages.export_dplda"
        return command_line("python", "-m", module, "--head", job.head, "--out", job.out)

    def files(self, job: "StepJob") -> list[str]:
        return [job.own("dplda.npz")]

    def pair_scorer(self, parameters):
        return read_projected(parameters)
