"""Scoring systems: what a chain of steps estimates, reads and calls."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from steps_py.backend.chains import CHAINS
from steps_py.backend.command_line import command_line
from steps_py.backend.steps.base import STEPS, ScoreStep, Transform
from steps_py.backend.steps.lda import choose_dim
from steps_py.backend.systems import Systems, check_systems
from steps_py.errors import BackendError, ConfigError
from steps_py.formats.holders import FLOAT_VECTOR
from steps_py.formats.tables import SequentialReader, TableWriter
from steps_py.stages import run_step

ROOT = Path(__file__).parents[2]
TRIALS = {"dev": {"enroll": "dev_enroll", "test": "dev_test"}}
TRAIN = {"train_sets": ["train", "more"], "adapt_set": None}


def systems_of(systems, **backend):
    return Systems({"systems": systems}, TRAIN | backend, TRIALS, dim=8)


def test_systems_whose_chains_begin_alike_share_what_is_estimated():
    systems = systems_of(["plda", "cosine", "lda_cosine"])
    plda = "centre/lda/length_norm/plda/"
    assert systems.estimates() == [
        "centre/mean.vec",
        "centre/lda/transform.mat",
        f"{plda}plda",
        f"{plda}plda_adapted",
    ]
    assert f"exp/backend/{plda}plda" in systems.inputs()
    assert f"exp/backend/{plda}plda_adapted" not in systems.inputs()
    assert "exp/backend/centre/lda/transform.mat" in systems.score("lda_cosine", "dev").inputs


def test_a_chain_with_its_own_options_shares_only_what_comes_before_them():
    chain = ["centre", {"lda": {"dim": 3}}, "cosine"]
    systems = systems_of({"narrow": chain, "lda_cosine": CHAINS["lda_cosine"]}, lda_dim=9)
    mean, narrow, wide = systems.estimates()
    assert (mean, wide) == ("centre/mean.vec", "centre/lda/transform.mat")
    assert narrow.startswith("centre/lda.")
    first, second = systems.early()
    assert '"dim": 3' in systems.estimate(first).text
    assert '"dim": 9' in systems.estimate(second).text


@pytest.mark.parametrize(
    "chain, sets",
    [
        (["cosine"], ["dev_enroll", "dev_test"]),
        (["centre", "cosine"], ["dev_enroll", "dev_test", "more", "train"]),
        (CHAINS["plda"], ["dev_enroll", "dev_test", "more", "train"]),
    ],
)
def test_xvectors_of_training_sets_are_made_only_where_a_step_reads_them(chain, sets):
    assert systems_of({"mine": chain}).sets() == sets


def test_cosine_scoring_needs_neither_lda_nor_plda():
    assert systems_of(["cosine"]).estimates() == ["centre/mean.vec"]


def test_an_adaptation_set_moves_the_mean_and_widens_plda():
    systems = systems_of(["plda"], adapt_set="near")
    assert systems.estimate("centre/mean.vec").inputs == ("exp/xvectors/near/xvector.scp",)
    assert any(path.endswith("/plda_adapted") for path in systems.score("plda", "dev").inputs)
    lda = systems.estimate("centre/lda/transform.mat")
    vectors, speakers = "exp/backend/xvector.scp", "exp/backend/utt2spk"
    assert set(lda.inputs) == {vectors, speakers, "exp/backend/centre/lda/dim"}
    assert "near" in systems.sets()


def test_training_without_length_norm_drops_it_from_the_built_in_chains():
    systems = systems_of(["plda"], length_norm=False)
    assert systems.estimates()[-2] == "centre/lda/plda/plda"


def test_options_that_section_backend_gives_reach_the_commands():
    systems = systems_of(["plda"], plda={"num_em_iters": 3, "smoothing": 0.25})
    plda = "centre/lda/length_norm/plda/plda"
    assert "--num-em-iters=3" in systems.estimate(plda).text
    assert "--smoothing=0.25" in systems.score("plda", "dev").text


@pytest.mark.parametrize(
    "chain, words",
    [
        (["centre", "ldaa", "cosine"], "unknown name 'ldaa'. Did you mean 'lda'?"),
        (["centre", {"lda": {"dims": 3}}, "cosine"], "unknown key 'lda.dims'. Did you mean 'dim'?"),
        (["centre", {"lda": {"dim": 0}}, "cosine"], "lda: dim is 0. Give 1 or more, or null."),
        ([{"plda": {"smoothing": 2}}], "smoothing is 2. Give a value from 0 to 1."),
        (["centre", "lda"], r"one model \(.*cosine, .*plda.*\)"),
        (["cosine", "plda"], r"one model \(.*cosine, .*plda.*\)"),
        (["centre", "dplda_of_model"], "dplda_of_model: contains the steps .* Remove the steps"),
        (["cosine", "centre"], "must be transforms of vectors, one model"),
    ],
)
def test_a_chain_that_is_no_system_is_refused_by_its_name(chain, words):
    with pytest.raises(ConfigError, match=words) as caught:
        check_systems({"systems": {"good": ["cosine"], "mine": chain}}, TRAIN)
    assert str(caught.value).startswith("'scores.systems.mine'")


def test_what_was_trained_with_the_network_is_read_from_its_head():
    systems = systems_of({"own": ["dplda_of_model"]})
    assert "exp/backend/dplda_of_model/dplda.npz" in systems.score("own", "dev").inputs
    assert systems.estimate("dplda_of_model/dplda.npz").inputs == ("exp/model/head.pt",)


def test_all_wrong_chains_are_told_at_once():
    with pytest.raises(ConfigError) as caught:
        check_systems({"systems": {"a": ["ldaa"], "b": ["cosin"], "c": ["cosine"]}}, TRAIN)
    assert [line.split(":")[0] for line in str(caught.value).splitlines()] == [
        "'scores.systems.a'",
        "'scores.systems.b'",
    ]


def test_an_unknown_built_in_system_is_refused_with_the_nearest():
    with pytest.raises(ConfigError, match=r"names 'pdla'. Did you mean 'plda'\?"):
        check_systems({"systems": ["pdla"]}, TRAIN)


@pytest.mark.parametrize(
    "lda_dim, num_speakers, vector_dim, words",
    [
        (None, 1, 8, "one speaker only"),
        (9, 8, 16, r"8 speakers span 7 directions. .*\(backend.lda_dim\) to 7 or less"),
        (9, 80, 8, "the vectors have 8 dimensions"),
    ],
)
def test_an_lda_of_more_dimensions_than_there_are_is_refused(
    lda_dim, num_speakers, vector_dim, words
):
    with pytest.raises(BackendError, match=words):
        choose_dim(lda_dim, num_speakers, vector_dim)


# -- a step of one's own: one class, and nothing else


@pytest.fixture
def own_steps():
    """A transform and a score step as a user writes them, taken out of the registry again."""
    before = STEPS.names()

    @STEPS.register("scale")
    class Scale(Transform):
        """Multiply vectors by a number, in Python."""

        @dataclass(frozen=True, kw_only=True)
        class Config:
            factor: float = 2.0

        def apply(self, job, vectors, of_training):
            return job.python("write_scaled", vectors, "ark:-")

        def write_scaled(self, vectors_in, vectors_out):
            with (
                SequentialReader(vectors_in, FLOAT_VECTOR) as reader,
                TableWriter(vectors_out, FLOAT_VECTOR) as writer,
            ):
                for key, x_D in reader:
                    writer.write(key, np.float32(self.config.factor) * x_D)

    @STEPS.register("minus_cohort")
    class MinusCohort(ScoreStep):
        """A normalisation that reads a further set and a file of its own."""

        estimates = ("cohort.vec",)

        @dataclass(frozen=True, kw_only=True)
        class Config:
            cohort: str

        def estimate(self, file, job):
            return command_line("ivector-mean", job.vectors(self.config.cohort), job.out)

        def rescore(self, job):
            return job.python("rescore_lines", job.own("cohort.vec"))

    yield
    for name in set(STEPS.names()) - set(before):
        STEPS._classes.pop(name)


def test_a_step_of_ones_own_is_one_class(own_steps):
    chain = ["centre", {"scale": {"factor": 3}}, "cosine", {"minus_cohort": {"cohort": "far"}}]
    systems = systems_of({"mine": chain})
    (cohort,) = [file for file in systems.estimates() if file.endswith("cohort.vec")]
    assert "exp/xvectors/far/xvector.scp" in systems.estimate(cohort).inputs
    scores = systems.score("mine", "dev")
    assert f"exp/backend/{cohort}" in scores.inputs
    assert " - | python -m steps_py.stages.run_step --step " in scores.text
    assert '"factor": 3' in scores.text
    assert "far" in systems.sets()


def test_the_file_of_a_step_of_ones_own_is_an_input_where_its_code_runs(own_steps):
    systems = systems_of({"mine": ["centre", "scale", "cosine"], "cosine": ["centre", "cosine"]})
    own = os.path.relpath(__file__)
    assert own in systems.score("mine", "dev").inputs
    assert own not in systems.score("cosine", "dev").inputs
    assert own not in systems.estimate("centre/mean.vec").inputs


def test_a_score_step_before_the_model_is_refused(own_steps):
    with pytest.raises(ConfigError, match="must be transforms of vectors, one model"):
        check_systems({"systems": {"m": [{"minus_cohort": {"cohort": "x"}}, "cosine"]}}, TRAIN)


def test_a_method_of_a_step_is_called_with_its_words(own_steps, tmp_path):
    (tmp_path / "in.txt").write_text("a [ 1 2 ]\n")
    out = tmp_path / "out.txt"
    step = '{"name": "scale", "factor": 3}'
    run_step.main(["--step", step, "write_scaled", f"ark:{tmp_path}/in.txt", f"ark,t:{out}"])
    assert out.read_text().split() == ["a", "[", "3", "6", "]"]


# -- the commands, run


def run(command, folder):
    """A rule's command, in the recipe's folder."""
    return subprocess.run(
        ["bash", "-c", f"set -euo pipefail; . '{ROOT}/path.sh' --strict; {command}"],
        cwd=folder,
        env={**os.environ, "KALDI_ROOT": ""},
        capture_output=True,
        text=True,
    )


@pytest.fixture
def recipe(tmp_path):
    """X-vectors of three speakers and a trial list, as the rules before leave them."""
    folder = tmp_path / "it's a $recipe {here}"
    rng = np.random.default_rng(0)
    tables = {"xvectors/dev_enroll": "e", "xvectors/dev_test": "t", "backend": "u"}
    for name in ("data/trials", *(f"exp/{name}" for name in tables)):
        (folder / name).mkdir(parents=True)
    here = Path.cwd()
    os.chdir(folder)
    try:
        for name, prefix in {
            "xvectors/dev_enroll": "e",
            "xvectors/dev_test": "t",
            "backend": "u",
        }.items():
            with TableWriter(
                f"ark,scp:exp/{name}/xvector.ark,exp/{name}/xvector.scp", FLOAT_VECTOR
            ) as writer:
                for number in range(12):
                    spk_D = np.eye(8)[number % 3]
                    x_D = spk_D + 0.1 * rng.normal(size=8)
                    writer.write(f"{prefix}{number:02d}", x_D.astype(np.float32))
    finally:
        os.chdir(here)
    utt2spk = [f"u{number:02d} spk{number % 3}\n" for number in range(12)]
    (folder / "exp/backend/utt2spk").write_text("".join(utt2spk))
    for name, lines in {"train": utt2spk[:9], "more": utt2spk[9:]}.items():
        (folder / "data" / name).mkdir()
        (folder / "data" / name / "utt2spk").write_text("".join(lines))
    (folder / "data/trials/dev").write_text("e00 t03 target\ne00 t01 nontarget\n")
    return folder


def test_a_cosine_after_lda_is_estimated_and_scored_in_any_folder(recipe):
    systems = systems_of(["lda_cosine"])
    for file in [*systems.early(), *systems.estimates()]:
        (recipe / "exp/backend" / file).parent.mkdir(parents=True, exist_ok=True)
        done = run(systems.estimate(file).text, recipe)
        assert done.returncode == 0, done.stderr
    done = run(systems.score("lda_cosine", "dev").text, recipe)
    assert done.returncode == 0, done.stderr
    target, nontarget = (float(line.split()[2]) for line in done.stdout.splitlines())
    assert target > 0.9
    assert nontarget < 0.5


def test_an_lda_that_the_speakers_do_not_span_is_refused_in_one_line(recipe):
    systems = systems_of(["lda_cosine"], lda_dim=3)
    done = run(systems.estimate("centre/lda/dim").text, recipe)
    assert done.returncode == 1
    assert "run_step: lda: dim is 3, but 3 speakers span 2 directions." in done.stderr
    assert "Traceback" not in done.stderr
    assert not (recipe / "exp/backend/centre/lda/dim").exists()


def test_what_lda_asks_of_the_tables_needs_no_xvector():
    """So that a mistake is found before a network is trained."""
    assert systems_of(["plda"]).estimate("centre/lda/dim").inputs == (
        "data/train/utt2spk",
        "data/more/utt2spk",
    )


def test_a_second_projection_starts_from_the_dimension_of_the_first():
    systems = systems_of({"mine": [{"lda": {"dim": 5}}, "lda", "cosine"]})
    first, second = (systems.estimate(file).text.split() for file in systems.early())
    assert "8" in first
    assert "5" in second


def test_files_of_kaldi_take_the_place_of_estimates():
    chain = [
        {"centre": {"file": "kaldi/mean.vec"}},
        {"lda": {"file": "kaldi/transform.mat"}},
        "length_norm",
        {"plda": {"file": "kaldi/plda"}},
    ]
    trials = {"dev": {"enroll": "dev", "test": "dev"}}
    systems, adapted = (
        Systems({"systems": {"given": chain}}, backend, trials, dim=8)
        for backend in (
            {"train_sets": ["train"], "adapt_set": None},
            {"train_sets": ["train"], "adapt_set": "major"},
        )
    )
    given = {f"kaldi/{file}" for file in ("mean.vec", "transform.mat", "plda")}
    score = systems.score("given", "dev")
    assert given <= set(score.inputs)
    assert (systems.early(), systems.estimates()[:-1]) == ([], [])
    assert systems.sets() == ["dev"]  # no vectors of the training are needed
    assert [link["files"] for link in systems.kept("given")] == [
        ["kaldi/mean.vec"],
        ["kaldi/transform.mat"],
        [],
        ["kaldi/plda"],
    ]
    (file,) = [file for file in adapted.estimates() if file.endswith("plda_adapted")]
    assert "kaldi/plda" in adapted.estimate(file).inputs


def test_one_given_mean_and_means_by_condition_exclude_each_other():
    chain = [{"centre": {"file": "mean.vec", "by": "language"}}, "cosine"]
    with pytest.raises(ConfigError, match="'file' is one mean, 'by' asks for several"):
        check_systems({"systems": {"a": chain}}, {"train_sets": ["train"], "adapt_set": None})
