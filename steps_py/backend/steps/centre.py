"""Centring."""

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from steps_py.backend.command_line import command_line
from steps_py.backend.condition_means import (
    Conditions,
    check_known,
    subtract_means,
    write_means,
)
from steps_py.backend.steps.base import STEPS, Transform
from steps_py.data.data_dir import read_table
from steps_py.errors import ConfigError
from steps_py.files import atomic_write
from steps_py.formats.holders import FLOAT_VECTOR
from steps_py.formats.vector_tables import read_finite
from steps_py.settings.declare import setting

if TYPE_CHECKING:
    from steps_py.backend.step_job import StepJob


@STEPS.register("centre")
class Centre(Transform):
    """Subtract the mean of the training vectors, or of the adaptation set where there is one.

    Training vectors are centred on their own mean: an adaptation set moves the origin of the
    domain that is scored, not of the one that is trained on.  With `by` each condition has a mean
    of its own.  Library: `steps_py.backend.condition_means`.
    """

    estimates = ("mean.vec",)

    @dataclass(frozen=True, kw_only=True)
    class Config:
        on: Literal["auto", "training"] = setting(
            "auto", "auto: on the adaptation set, where there is one; training: never"
        )
        by: str | None = setting(
            None,
            "a mean for each value of the table utt2<by> in the data directories of the sets, or,"
            " with a /, of a file of the recipe; null: one mean",
        )
        file: str | None = setting(
            None, "a mean.vec that is there, such as Kaldi's; null: it is computed"
        )

        def __post_init__(self):
            if self.file is not None and self.by is not None:
                raise ConfigError("centre: 'file' is one mean, 'by' asks for several. Drop one.")

    def __init__(self, config):
        super().__init__(config)
        if config.file is not None:
            self.estimates = ()
        if config.by is not None:
            self.early, self.estimates = ("conditions",), ("means.ark",)

    def estimate(self, file: str | os.PathLike, job: "StepJob") -> str:
        dset = job.recipe.adapt_set if self.config.on == "auto" else None
        if file == "conditions":
            own = [dset] if dset else job.recipe.train_sets
            others = [side for trials in job.recipe.trials for side in job.sets_of(trials)]
            words = [
                json.dumps([[job.values_of(name, self.config.by), job.table(name, "utt2spk")]
                            for name in dict.fromkeys(names)])
                for names in (own, [*job.recipe.train_sets, *others])
            ]  # fmt: skip
            return job.python("write_conditions", job.out, *words)
        vectors = job.adaptation() if dset else job.training()
        if file == "mean.vec":
            return command_line("ivector-mean", vectors, job.out)
        job.own("conditions")
        return job.python("estimate_means", vectors, job.out, self._words(job, dset))

    def apply(self, job: "StepJob", vectors: str, of_training: bool) -> str:
        if self.config.by is None:
            mean = [] if of_training else [self._mean(job)]
            return command_line("ivector-subtract-global-mean", *mean, vectors, "ark:-")
        means = [] if of_training else [job.own("means.ark")]
        return job.python("subtract", vectors, "ark:-", self._words(job, job.dset), *means)

    def kept_files(self, job):
        return [self._mean(job)] if self.config.by is None else None

    def _mean(self, job):
        return job.own_or_given("mean.vec", self.config.file)

    def vector_function(self, mean):
        mean_D = read_finite(mean, FLOAT_VECTOR)
        return lambda x_ND: x_ND - mean_D

    def _words(self, job, dset):
        """What `Conditions` reads for a set, or for the training sets, as one word."""
        dsets = [dset] if dset else job.recipe.train_sets
        return json.dumps([job.values_of(dset, self.config.by) for dset in dsets])

    def write_conditions(self, out, own, others):
        """Write the conditions that have a mean; refuse sets with other ones, or without."""

        def of(words):
            pairs = json.loads(words)
            return {
                c for values, utts in pairs for c in Conditions([values]).of([*read_table(utts)])
            }

        known = of(own)
        check_known(of(others), known)
        with atomic_write(out) as file:
            file.writelines(f"{condition}\n" for condition in sorted(known))

    def estimate_means(self, vectors, out, words):
        """Write the mean of each condition."""
        write_means(vectors, Conditions(json.loads(words)), out)

    def subtract(self, vectors_in, vectors_out, words, *means):
        """Subtract from each vector the mean of its condition."""
        subtract_means(vectors_in, vectors_out, Conditions(json.loads(words)), *means)
