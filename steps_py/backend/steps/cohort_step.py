"""What steps have in common that compare scores with those of a cohort."""

import json
import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from steps_py.backend.cohorts import draw_cohort, read_cohort, write_cohort, write_cohort_vectors
from steps_py.backend.list_speakers import check_no_speaker_in, read_all
from steps_py.backend.score_lines import read_score_lines, write_scored_pairs
from steps_py.backend.score_norm import Cohort, Sides
from steps_py.backend.steps.base import STEPS, Model, ScoreStep
from steps_py.backend.vector_sides import read_sides
from steps_py.data.data_dir import join_tables, read_table
from steps_py.errors import BackendError, ConfigError
from steps_py.settings.declare import setting

if TYPE_CHECKING:
    from steps_py.backend.step_job import StepJob


@dataclass(frozen=True, kw_only=True)
class CohortConfig:
    """Options of a score normalisation."""

    cohort: str | list[str] = setting(description="set or sets that the cohort is drawn from")
    speakers: bool = setting(
        False, "true: a member is the mean vector of a speaker; false: an utterance"
    )
    num_cohort: int | None = setting(None, "members drawn from the sets; null: all", minimum=2)
    seed: int = setting(1, "of that draw")
    top_n: int | None = setting(
        None, "highest cohort scores of a side that count; null: all", minimum=2
    )
    ddof: int = setting(0, "deviations divide by the number of scores less this: 0 or 1")

    def __post_init__(self):
        if self.ddof not in (0, 1):
            raise ConfigError(f"ddof is {self.ddof}. Give 0 or 1.")
        if self.num_cohort is not None and self.num_cohort < (self.top_n or 0):
            raise ConfigError(
                f"num_cohort is {self.num_cohort}, fewer than top_n, {self.top_n}. Draw more, or"
                " lower top_n."
            )

    @property
    def cohort_sets(self) -> list[str]:
        """The sets as a list."""
        return [self.cohort] if isinstance(self.cohort, str) else self.cohort


class CohortStep(ScoreStep):
    """Base of score normalisations: the cohort as a list and as vectors, and its scores.

    A subclass defines `normalise`.  Library: `steps_py.backend.score_norm`.
    """

    early: ClassVar[tuple[str, ...]] = ("cohort",)
    estimates: ClassVar[tuple[str, ...]] = ("cohort.ark",)

    Config = CohortConfig

    @property
    def sets(self) -> list[str]:
        return self.config.cohort_sets

    def check_place(self, before: list) -> None:
        if not isinstance(before[-1], Model):
            raise ConfigError(
                "a score normalisation must come directly after the model, as scores with the"
                " cohort are the model's."
            )

    def estimate(self, file: str | os.PathLike, job: "StepJob") -> str:
        if file == "cohort":
            tables = [job.table(dset, "utt2spk") for dset in self.sets]
            lists = [word for name in job.recipe.trials for word in job.speakers_of(name)]
            return job.python("write_list", job.out, str(len(tables)), *tables, *lists)
        vectors = [job.vectors(dset) for dset in self.sets]
        return job.python("write_vectors", job.own("cohort"), job.out, *vectors)

    def rescore(self, job: "StepJob") -> str:
        sides = [job.enroll(), job.test(), job.num_utts or ""]
        return job.python("rescore_lines", job.trials, *sides, *self.words(job))

    def kept_files(self, job):
        return [job.own("cohort"), job.own("cohort.ark")]

    def score_function(self, scorer, cohort, vectors):
        members = Cohort.of(scorer, *read_cohort(cohort, vectors))
        return lambda score_T, trials: self.normalise(score_T, trials.with_cohort(members))

    def words(self, job: "StepJob") -> list[str]:
        """What `load_cohort` makes the cohort of: its files, and the model."""
        return [job.own("cohort"), job.own("cohort.ark"), *job.model_words()]

    def write_list(self, out: str | os.PathLike, num_tables: str, *words) -> None:
        """Draw the cohort; refuse one with a speaker of a trial list, or one that is too small."""
        tables, lists = words[: int(num_tables)], words[int(num_tables) :]
        utt2spk = join_tables(tables, "Name each set once.")
        config = self.config
        cohort = draw_cohort(utt2spk, config.num_cohort, config.speakers, config.seed)
        named = f"the cohort ({', '.join(self.sets)})"
        check_no_speaker_in(
            set(cohort.values()), read_all(lists), named, "Name sets of other speakers."
        )
        num_members = len(set(cohort.values()) if config.speakers else cohort)
        if num_members < max(config.top_n or 0, 2):
            raise BackendError(
                f"{named} has {num_members} members, fewer than top_n, {config.top_n or 2}. Lower"
                " top_n, or name more sets."
            )
        write_cohort(out, cohort)

    def write_vectors(self, cohort, out, *vectors):
        """The vectors of the members, after the steps before this one."""
        write_cohort_vectors(cohort, f"ark:{out}", self.config.speakers, *vectors)

    def rescore_lines(self, trials, enroll_in, test_in, num_utts, *words):
        """Score lines on standard input to normalised lines on standard output.

        `num_utts` is a table of the utterances of each enrolment, or empty: one each.
        """
        pairs = read_score_lines(sys.stdin.buffer, trials)
        cohort = load_cohort(*words, several=bool(num_utts))
        (enroll_ND, enroll_T, names), (test_ND, test_T, _) = read_sides(pairs, enroll_in, test_in)
        scorer, counts_N = cohort.scorer, None
        if num_utts:
            table = read_table(num_utts)
            counts_N = np.array([int(table[name]) for name in names])
        test = None if test_ND is enroll_ND and scorer.symmetric else scorer.test(test_ND)
        sides = Sides(cohort, scorer.enroll(enroll_ND, counts_N), test, enroll_T, test_T)
        score_T = self.normalise(pairs.score_T, sides)
        write_scored_pairs(sys.stdout.buffer, pairs._replace(score_T=score_T))

    def normalise(self, score_T, sides: Sides):
        """The normalised scores of trials."""
        raise NotImplementedError


def load_cohort(cohort: str, vectors: str, model: str, *files, several: bool = False) -> Cohort:
    """The `Cohort` of its files, and of the section and the files of the chain's model.

    `several`: enrolments that are scored with it are of several utterances each.
    """
    scorer = STEPS.build(json.loads(model)).pair_scorer(*files)
    scorer = scorer.of_models() if several else scorer
    return Cohort.of(scorer, *read_cohort(cohort, vectors))
