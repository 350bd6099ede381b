"""Scoring by simplified PLDA."""

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from steps_py.backend.labelled_vectors import read_stats
from steps_py.backend.plda_io import write_plda
from steps_py.backend.simplified_plda import fit_simplified_plda
from steps_py.backend.steps.base import STEPS
from steps_py.backend.steps.plda import PldaModel
from steps_py.settings.declare import Count, Share, setting

if TYPE_CHECKING:
    from steps_py.backend.step_job import StepJob


@STEPS.register("simplified_plda")
class SimplifiedPlda(PldaModel):
    """The log-likelihood ratio of PLDA whose speakers differ in a subspace.

    Library: `steps_py.backend.simplified_plda.fit_simplified_plda`.
    """

    estimates = ("plda",)

    @dataclass(frozen=True, kw_only=True)
    class Config:
        rank: int = setting(description="dimension of the speakers' subspace", minimum=1)
        residual: Literal["full", "spherical"] = setting(
            "full", "covariance of the rest; spherical: one variance for all directions"
        )
        num_em_iters: Count = setting(20)
        smoothing: Share = setting(
            0.0, "share of the between-speaker variance added within speakers"
        )

    recipe_keys = {}  # noqa: RUF012 -- a ClassVar in the base

    def estimate(self, file: str | os.PathLike, job: "StepJob") -> str:
        return job.python("write_plda", job.training(), job.utt2spk, job.out)

    def files(self, job: "StepJob") -> list[str]:
        return [job.own("plda")]

    def write_plda(self, vectors, utt2spk, out):
        """Train the model on labelled vectors."""
        config = self.config
        stats = read_stats(vectors, utt2spk)
        spherical = config.residual == "spherical"
        write_plda(out, fit_simplified_plda(stats, config.rank, config.num_em_iters, spherical))
