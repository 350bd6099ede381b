"""Scoring by discriminative PLDA."""

import sys
from dataclasses import dataclass

from steps_py.backend.command_line import command_line
from steps_py.backend.discriminative_plda import (
    QuadraticScorer,
    read_quadratic,
    train_quadratic,
    write_quadratic,
)
from steps_py.backend.labelled_vectors import read_labelled
from steps_py.backend.plda_io import read_plda
from steps_py.backend.steps.base import STEPS
from steps_py.backend.steps.pair_model import PairModel
from steps_py.settings.declare import Count, setting


@STEPS.register("dplda")
class DiscriminativePlda(PairModel):
    """The form of PLDA's score, its parameters trained on trials of the training set.

    Library: `steps_py.backend.discriminative_plda.train_quadratic`.
    """

    estimates = ("plda", "dplda.npz")
    recipe_keys = {"num_em_iters": "plda.num_em_iters"}  # noqa: RUF012 -- a ClassVar in the base

    @dataclass(frozen=True, kw_only=True)
    class Config:
        num_em_iters: Count = setting(10, "of the PLDA that the training starts from")
        num_iters: int = setting(50, "steps of L-BFGS; 0: the PLDA itself", minimum=0)
        p_target: float = setting(
            0.01, "prior of a target trial", exclusiveMinimum=0, exclusiveMaximum=1
        )
        l2: float = setting(1e-3, "weight of the squared difference from the PLDA", minimum=0)
        max_vectors: int = setting(
            2000, "training vectors, of whole speakers, whose trials count", minimum=4
        )
        seed: int = setting(1, "of the draw of these speakers")

    def estimate(self, file, job):
        if file == "plda":
            options = [f"--num-em-iters={self.config.num_em_iters}", f"ark:{job.spk2utt}"]
            return command_line("ivector-compute-plda", *options, job.training(), job.out)
        words = [job.own("plda"), job.training(), job.utt2spk, job.out]
        return job.python("write_trained", *words)

    def files(self, job):
        return [job.own("dplda.npz")]

    def pair_scorer(self, parameters):
        return QuadraticScorer(read_quadratic(parameters))

    def write_trained(self, plda, vectors, utt2spk, out):
        """Train from a PLDA on the trials between labelled vectors."""
        config = self.config
        parameters, (before, after) = train_quadratic(
            read_plda(plda),
            *read_labelled(vectors, utt2spk),
            p_target=config.p_target,
            l2=config.l2,
            num_iters=config.num_iters,
            max_vectors=config.max_vectors,
            seed=config.seed,
        )
        print(f"dplda: normalised cross-entropy {before:.4f} -> {after:.4f}", file=sys.stderr)
        write_quadratic(out, parameters)
