"""PLDA scoring."""

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from steps_py.backend.command_line import command_line
from steps_py.backend.pair_scorers import PldaScorer
from steps_py.backend.plda_io import read_plda
from steps_py.backend.steps.base import STEPS, Model
from steps_py.errors import ConfigError
from steps_py.settings.declare import setting

if TYPE_CHECKING:
    from steps_py.backend.step_job import StepJob


class PldaModel(Model):
    """What the kinds of PLDA share: training, adaptation and scores."""

    estimates = ("plda", "plda_adapted")
    given_file: str | None = None  # a model in place of a trained one

    def _plda(self, job):
        return job.own_or_given("plda", self.given_file)

    def estimate(self, file: str | os.PathLike, job: "StepJob") -> str:
        config = self.config
        if file == "plda":
            options = [f"--num-em-iters={config.num_em_iters}", f"ark:{job.spk2utt}"]
            return command_line("ivector-compute-plda", *options, job.training(), job.out)
        return command_line(
            "ivector-adapt-plda",
            f"--within-covar-scale={config.within_covar_scale}",
            f"--between-covar-scale={config.between_covar_scale}",
            self._plda(job),
            job.adaptation(),
            job.out,
        )

    def files(self, job: "StepJob") -> list[str]:
        return [job.own("plda_adapted") if job.recipe.adapt_set else self._plda(job)]

    def pair_scorer(self, plda):
        return PldaScorer(read_plda(plda).smoothed(self.config.smoothing))

    def score(self, job: "StepJob") -> str:
        (plda,) = self.files(job)
        smooth = command_line(
            "ivector-copy-plda", f"--smoothing={self.config.smoothing}", plda, "-"
        )
        counts = [f"--num-utts=ark:{job.num_utts}"] if job.num_utts else []
        vectors = [job.enroll(), job.test()]
        return command_line(
            "ivector-plda-scoring", "--normalize-length=true", *counts, f"{smooth} |", *vectors,
            job.pairs, "-",
        )  # fmt: skip


@STEPS.register("plda")
class PldaScoring(PldaModel):
    """The log-likelihood ratio of two-covariance PLDA.

    With an adaptation set the covariances of the model are widened to those of its unlabelled
    vectors.  Library: `steps_py.backend.plda.Plda`, `steps_py.backend.adapt.adapt_plda`.
    """

    recipe_keys = {  # noqa: RUF012 -- a ClassVar in the base
        "num_em_iters": "plda.num_em_iters",
        "smoothing": "plda.smoothing",
        "within_covar_scale": "adapt.within_covar_scale",
        "between_covar_scale": "adapt.between_covar_scale",
    }

    @dataclass(frozen=True, kw_only=True)
    class Config:
        num_em_iters: int = 10
        smoothing: float = 0.0  # this times the between-speaker covariance is added to the other
        within_covar_scale: float = 0.75  # share of the excess variance of the adaptation set
        between_covar_scale: float = 0.25
        file: str | None = setting(
            None, "a plda that is there, such as Kaldi's; null: it is trained"
        )

        def __post_init__(self):
            if self.num_em_iters < 1:
                raise ConfigError(f"plda: num_em_iters is {self.num_em_iters}. Give 1 or more.")
            for name in ("smoothing", "within_covar_scale", "between_covar_scale"):
                if not 0 <= getattr(self, name) <= 1:
                    value = getattr(self, name)
                    raise ConfigError(f"plda: {name} is {value:g}. Give a value from 0 to 1.")

    def __init__(self, config):
        super().__init__(config)
        self.given_file = config.file
        if config.file is not None:
            self.estimates = ("plda_adapted",)
