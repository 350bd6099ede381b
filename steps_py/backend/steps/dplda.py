"""Scoring by discriminative PLDA."""

import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from steps_py.backend.command_line import command_line
from steps_py.backend.discriminative_plda import (
    QuadraticScorer,
    Training,
    effective_prior,
    read_quadratic,
    train_covariances,
    train_quadratic,
    write_quadratic,
)
from steps_py.backend.labelled_vectors import read_labelled
from steps_py.backend.pair_scorers import PldaScorer
from steps_py.backend.plda_io import read_plda, write_plda
from steps_py.backend.steps.base import STEPS
from steps_py.backend.steps.pair_model import PairModel
from steps_py.settings.declare import Count, setting

if TYPE_CHECKING:
    from steps_py.backend.step_job import StepJob


@STEPS.register("dplda")
class DiscriminativePlda(PairModel):
    """The form of PLDA's score, its parameters trained on trials of the training set.

    Library: `steps_py.backend.discriminative_plda`, `train_quadratic` and `train_covariances`.
    """

    estimates = ("plda", "dplda.npz", "trained_plda")
    recipe_keys = {"num_em_iters": "plda.num_em_iters"}  # noqa: RUF012 -- a ClassVar in the base

    @dataclass(frozen=True, kw_only=True)
    class Config:
        num_em_iters: Count = setting(10, "of the PLDA that the training starts from")
        form: Literal["quadratic", "covariances"] = setting(
            "quadratic",
            "what is trained: the matrices of the score, or PLDA's mean and covariances, which"
            " count the utterances of an enrolment",
        )
        num_iters: int = setting(50, "steps of L-BFGS; 0: the PLDA itself", minimum=0)
        p_target: float = setting(
            0.01, "prior of a target trial", exclusiveMinimum=0, exclusiveMaximum=1
        )
        c_miss: float = setting(1.0, "cost of a miss", exclusiveMinimum=0)
        c_fa: float = setting(1.0, "cost of a false alarm", exclusiveMinimum=0)
        l2: float = setting(1e-3, "weight of the squared difference from `l2_to`", minimum=0)
        l2_to: Literal["initial", "zero"] = setting(
            "initial", "what the parameters are drawn to: those of the PLDA, or 0"
        )
        max_vectors: int = setting(
            2000, "training vectors, of whole speakers, whose trials count", minimum=4
        )
        seed: int = setting(1, "of the draw of these speakers")

    @property
    def counts_utterances(self) -> bool:
        return self.config.form == "covariances"

    def estimate(self, file: str | os.PathLike, job: "StepJob") -> str:
        if file == "plda":
            options = [f"--num-em-iters={self.config.num_em_iters}", f"ark:{job.spk2utt}"]
            return command_line("ivector-compute-plda", *options, job.training(), job.out)
        words = [job.own("plda"), job.training(), job.utt2spk, job.out]
        return job.python("write_trained", *words)

    def files(self, job: "StepJob") -> list[str]:
        is_plda = self.config.form == "covariances"
        return [job.own("trained_plda" if is_plda else "dplda.npz")]

    def pair_scorer(self, parameters):
        if self.config.form == "covariances":
            return PldaScorer(read_plda(parameters), normalize_length=False)
        return QuadraticScorer(read_quadratic(parameters))

    def write_trained(self, plda, vectors, utt2spk, out):
        """Train from a PLDA on the trials between labelled vectors."""
        config = self.config
        training = Training(
            p_target=effective_prior(config.p_target, config.c_miss, config.c_fa),
            l2=config.l2,
            l2_to=config.l2_to,
            num_iters=config.num_iters,
            max_vectors=config.max_vectors,
            seed=config.seed,
        )
        is_plda = config.form == "covariances"
        train, write = (
            (train_covariances, write_plda) if is_plda else (train_quadratic, write_quadratic)
        )
        labelled = read_labelled(vectors, utt2spk)
        parameters, (before, after) = train(read_plda(plda), *labelled, training)
        print(f"dplda: normalised cross-entropy {before:.4f} -> {after:.4f}", file=sys.stderr)
        write(out, parameters)
