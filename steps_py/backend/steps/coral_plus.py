"""Scoring by PLDA adapted with CORAL+."""

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from steps_py.backend.labelled_vectors import read_stats
from steps_py.backend.mix_plda import coral_plus
from steps_py.backend.plda_io import read_plda, write_plda
from steps_py.backend.steps.base import STEPS
from steps_py.backend.steps.plda import PldaModel
from steps_py.settings.declare import Count, Share, setting

if TYPE_CHECKING:
    from steps_py.backend.step_job import StepJob


@STEPS.register("coral_plus")
class CoralPlusPlda(PldaModel):
    """The log-likelihood ratio of PLDA whose covariances grow to those of the adaptation set.

    Library: `steps_py.backend.mix_plda.coral_plus`.
    """

    estimates = ("plda", "plda_coral")
    needs_adapt_set = True
    recipe_keys = {  # noqa: RUF012 -- a ClassVar in the base
        "num_em_iters": "plda.num_em_iters",
        "smoothing": "plda.smoothing",
    }

    @dataclass(frozen=True, kw_only=True)
    class Config:
        num_em_iters: Count = setting(10)
        smoothing: Share = setting(
            0.0, "share of the between-speaker variance added within speakers"
        )
        within_scale: Share = setting(0.8, "share of the excess within speakers that is added")
        between_scale: Share = setting(0.8, "share of the excess between speakers that is added")

    def estimate(self, file: str | os.PathLike, job: "StepJob") -> str:
        if file == "plda":
            return super().estimate(file, job)
        words = [job.own("plda"), job.training(), job.adaptation(), job.out]
        return job.python("write_adapted", *words)

    def files(self, job: "StepJob") -> list[str]:
        return [job.own("plda_coral")]

    def write_adapted(self, plda, training, adaptation, out):
        """Adapt the model by the vectors of both domains."""
        scales = self.config.within_scale, self.config.between_scale
        stats = read_stats(training), read_stats(adaptation)
        write_plda(out, coral_plus(read_plda(plda), *stats, *scales))
