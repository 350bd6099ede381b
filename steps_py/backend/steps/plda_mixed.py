"""Scoring by an interpolation of two PLDA models."""

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from steps_py.backend.command_line import command_line
from steps_py.backend.list_speakers import check_no_speaker_in, read_all
from steps_py.backend.mix_plda import interpolate
from steps_py.backend.plda_io import read_plda, write_plda
from steps_py.backend.steps.base import STEPS
from steps_py.backend.steps.plda import PldaModel
from steps_py.data.data_dir import read_table
from steps_py.files import atomic_write
from steps_py.settings.declare import Count, Share, setting

if TYPE_CHECKING:
    from steps_py.backend.step_job import StepJob


@STEPS.register("plda_mixed")
class MixedPlda(PldaModel):
    """The log-likelihood ratio of PLDA, a mixture of models of two domains with known speakers.

    Library: `steps_py.backend.mix_plda.interpolate`.
    """

    estimates = ("plda", "plda_near", "plda_mixed")
    early = ("speakers",)
    recipe_keys = {  # noqa: RUF012 -- a ClassVar in the base
        "num_em_iters": "plda.num_em_iters",
        "smoothing": "plda.smoothing",
    }

    @dataclass(frozen=True, kw_only=True)
    class Config:
        near_set: str = setting(description="set of the trials' domain, with its speakers")
        weight: Share = setting(0.5, "of the covariances of that domain")
        num_em_iters: Count = setting(10)
        smoothing: Share = setting(
            0.0, "share of the between-speaker variance added within speakers"
        )

    @property
    def sets(self):
        return (self.config.near_set,)

    def estimate(self, file: str | os.PathLike, job: "StepJob") -> str:
        near_set = self.config.near_set
        if file == "speakers":
            lists = [word for name in job.recipe.trials for word in job.speakers_of(name)]
            return job.python("write_speakers", job.table(near_set, "utt2spk"), job.out, *lists)
        job.own("speakers")
        if file == "plda":
            return super().estimate(file, job)
        if file == "plda_near":
            spk2utt = f"ark:{job.table(near_set, 'spk2utt')}"
            options = [f"--num-em-iters={self.config.num_em_iters}", spk2utt]
            return command_line("ivector-compute-plda", *options, job.vectors(near_set), job.out)
        return job.python("write_mixed", job.own("plda"), job.own("plda_near"), job.out)

    def files(self, job: "StepJob") -> list[str]:
        return [job.own("plda_mixed")]

    def write_speakers(self, utt2spk, out, *lists):
        """Write the speakers of the set; refuse one with a speaker of a trial list."""
        speakers = sorted(set(read_table(utt2spk).values()))
        what = f"plda_mixed: near_set '{self.config.near_set}'"
        check_no_speaker_in(speakers, read_all(lists), what, "Name a set of other speakers.")
        with atomic_write(out) as file:
            file.writelines(f"{speaker}\n" for speaker in speakers)

    def write_mixed(self, plda, near, out):
        """Interpolate the two models."""
        mixed = interpolate(read_plda(plda), read_plda(near), self.config.weight)
        write_plda(out, mixed)
