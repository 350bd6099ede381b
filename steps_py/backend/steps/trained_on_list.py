"""What steps have in common that are trained on a trial list of the recipe."""

import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from steps_py.backend.list_speakers import check_no_speaker_in, read_all
from steps_py.backend.steps.base import Step
from steps_py.files import atomic_write
from steps_py.settings.declare import setting

if TYPE_CHECKING:
    from steps_py.backend.step_job import StepJob


@dataclass(frozen=True, kw_only=True)
class ListConfig:
    """Options of a step that is trained on a trial list."""

    calibrate_on: str = setting(
        description="trial list of the recipe whose speakers are in no other list"
    )


@dataclass(frozen=True, kw_only=True)
class PriorConfig(ListConfig):
    """Options of a step that minimises the cross-entropy of a trial list at a prior."""

    p_target: float = setting(
        0.5,
        "prior of a target trial at which the ratios are to be best",
        exclusiveMinimum=0,
        exclusiveMaximum=1,
    )


class TrainedOnList(Step):
    """Base beside the base of the kind: checks that no other list has a speaker of this one.

    The list itself may be scored: its results are then those of training trials, and are marked.
    """

    early: ClassVar[tuple[str, ...]] = ("speakers",)
    calibrates: ClassVar[bool] = True

    Config = ListConfig

    @property
    def trial_lists(self) -> tuple[str]:
        return (self.config.calibrate_on,)

    def estimate(self, file: str | os.PathLike, job: "StepJob") -> str:
        trials = self.config.calibrate_on
        if file in self.early:
            others = [name for name in job.recipe.trials if name != trials]
            words = [word for name in (trials, *others) for word in job.speakers_of(name)]
            return job.python("write_speakers", job.out, *words)
        job.own("speakers")
        return self.train(job)

    def train(self, job) -> str:
        """The command that writes the step's file of `estimates`."""
        raise NotImplementedError

    def write_speakers(self, out, *words):
        """Write the speakers of the list; refuse a list that shares one with another."""
        own, *others = read_all(words)
        check_no_speaker_in(
            own.speakers,
            others,
            f"calibrate_on: the trial list '{own.name}'",
            "Calibrate on speakers that are in no list that is scored.",
        )
        with atomic_write(out) as file:
            file.writelines(f"{speaker}\n" for speaker in sorted(own.speakers))

    def note_training_trials(self, trials: str) -> None:
        """Say in the log whether the trials scored are those that were trained on."""
        if trials == self.config.calibrate_on:
            print(f"{trials}: scores of the trials that were trained on", file=sys.stderr)
