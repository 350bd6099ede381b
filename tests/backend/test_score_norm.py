"""Normalisation of scores: against public implementations, by hand, and run in a chain."""

import csv
import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from steps_py.backend import score_norm
from steps_py.backend.pair_scorers import CosineScorer, EuclideanScorer, PldaScorer
from steps_py.backend.plda import Plda
from steps_py.backend.score_norm import Cohort, Sides
from steps_py.backend.systems import Systems, check_systems
from steps_py.errors import BackendError, ConfigError, ScoreError
from steps_py.formats.holders import FLOAT_VECTOR
from steps_py.formats.tables import TableWriter
from steps_py.formats.vector_tables import read_vectors
from steps_py.stages import run_step

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests/golden/scores"
EMBEDDINGS = np.load(GOLDEN / "embeddings.npz")
with open(GOLDEN / "normalised_trials.tsv") as file:
    ROWS = list(csv.DictReader(file, delimiter="\t"))
ENROLL = np.array([int(row["enroll"].removeprefix("enroll")) for row in ROWS])
TEST = np.array([int(row["test"].removeprefix("test")) for row in ROWS])


def golden(system, name):
    return np.array([float(row[f"sys{system}.{name}"]) for row in ROWS])


@pytest.fixture(scope="module", params=["1", "2"])
def normalised(request):
    """A function from options to scores beside those of the public implementation's column."""
    system = request.param
    cohort, enroll, test = (
        EMBEDDINGS[f"{name}{system}"].astype(float) for name in ("cohort", "enroll", "test")
    )
    mean, scorer = cohort.mean(axis=0), CosineScorer()
    members = Cohort.of(scorer, cohort - mean, EMBEDDINGS["cohort_spk"].tolist())
    sides = Sides(members, scorer.enroll(enroll - mean), scorer.test(test - mean), ENROLL, TEST)
    score = scorer.listed(scorer.enroll(enroll - mean), scorer.test(test - mean), ENROLL, TEST)
    np.testing.assert_allclose(score, golden(system, "cosine"), atol=1e-8)
    return lambda column, kind, **options: (
        getattr(sides, kind)(score, **options),
        golden(system, column),
    )


@pytest.mark.parametrize(
    "column, kind, options",
    [
        *((f"asnorm_wespeaker_top{n}", "s_norm", {"top_n": n}) for n in (10, 20, 50, 100)),
        ("snorm_wespeaker", "s_norm", {}),
        ("znorm_speechbrain", "z_norm", {"ddof": 1}),
        ("tnorm_speechbrain", "t_norm", {"ddof": 1}),
        ("snorm_speechbrain", "s_norm", {"ddof": 1}),
        ("znorm_speechbrain_top50", "z_norm", {"ddof": 1, "top_n": 50}),
        ("tnorm_speechbrain_top100", "t_norm", {"ddof": 1, "top_n": 100}),
        ("snorm_speechbrain_top50", "s_norm", {"ddof": 1, "top_n": 50}),
        ("snorm_asvsubtools", "s_norm", {"ddof": 1}),
        ("asnorm_asvsubtools_top50", "s_norm", {"ddof": 1, "top_n": 50}),
        (
            "asnorm_asvsubtools_top50_cross",
            "s_norm",
            {"ddof": 1, "top_n": 50, "select": "cross"},
        ),
    ],
)
def test_scores_are_those_of_public_implementations(normalised, column, kind, options):
    got, wanted = normalised(column, kind, **options)
    np.testing.assert_allclose(got, wanted, atol=1e-6)


def test_zt_norm_by_hand():
    """Distances on a line: members at 0, 1, 4 of three speakers; enrolment 2, test 3."""
    scorer = EuclideanScorer()
    cohort = Cohort.of(scorer, np.array([[0.0], [1.0], [4.0]]), ["a", "b", "c"])
    enroll, test = scorer.enroll(np.array([[2.0]])), scorer.test(np.array([[3.0]]))
    row = np.array([0])
    got = Sides(cohort, enroll, test, row, row).zt_norm(np.array([-1.0]))

    def z(score, others):
        return (score - np.mean(others)) / np.std(others)

    of_test = [z(-3, [-1, -4]), z(-2, [-1, -3]), z(-1, [-4, -3])]  # models a, b, c with the test
    np.testing.assert_allclose(got, z(z(-1, [-2, -1, -2]), of_test), rtol=1e-12)


@pytest.mark.parametrize("select", ["own", "cross"])
def test_scores_of_long_lists_in_single_precision_are_nearly_those_of_double(monkeypatch, select):
    rng, scorer = np.random.default_rng(0), CosineScorer()
    cohort = Cohort.of(scorer, rng.normal(size=(400, 64)), [f"{n}" for n in range(400)])
    x_ND = rng.normal(size=(1000, 64))
    enroll, test = rng.integers(0, 1000, (2, 500))
    score = scorer.listed(scorer.enroll(x_ND), scorer.test(x_ND), enroll, test)
    sides = Sides(cohort, scorer.enroll(x_ND), None, enroll, test)
    double = sides.s_norm(score, top_n=100, select=select)
    monkeypatch.setattr(score_norm, "_SINGLE_FROM", 0)
    single = sides.s_norm(score, top_n=100, select=select)
    np.testing.assert_allclose(single, double, rtol=1e-6, atol=1e-6)
    assert not np.array_equal(single, double)


def plda():
    rng = np.random.default_rng(0)
    return Plda(rng.normal(size=4), rng.normal(size=(4, 4)), np.array([5.0, 2.0, 1.0, 0.1]))


@pytest.mark.parametrize("scorer", [CosineScorer(), EuclideanScorer(), PldaScorer(plda())])
def test_a_symmetric_model_scores_both_ways_alike_and_lists_as_all_pairs(scorer):
    x, y = np.random.default_rng(1).normal(size=(2, 5, 4))
    there = scorer.all_pairs(scorer.enroll(x), scorer.test(y))
    back = scorer.all_pairs(scorer.enroll(y), scorer.test(x))
    np.testing.assert_allclose(there, back.T, atol=1e-12)
    rows, columns = np.array([4, 0, 2]), np.array([1, 3, 3])
    listed = scorer.listed(scorer.enroll(x), scorer.test(y), rows, columns)
    np.testing.assert_allclose(listed, there[rows, columns], atol=1e-12)


def test_one_array_of_vectors_for_both_sides_changes_no_score():
    x = np.random.default_rng(1).normal(size=(9, 4))
    enroll, test = np.array([0, 1, 2, 7]), np.array([8, 3, 2, 0])
    score = np.array([0.1, 0.2, 0.3, 0.4])
    for scorer in (CosineScorer(), PldaScorer(plda())):
        cohort = Cohort.of(scorer, np.random.default_rng(2).normal(size=(6, 4)), "aabbcc")
        once = Sides(cohort, scorer.enroll(x), None, enroll, test)
        twice = Sides(cohort, scorer.enroll(x), scorer.test(x), enroll, test)
        for kind, options in {"s_norm": {"top_n": 3, "select": "cross"}, "zt_norm": {}}.items():
            got = [getattr(sides, kind)(score, **options) for sides in (once, twice)]
            np.testing.assert_allclose(*got, rtol=1e-9)


def test_scores_of_plda_with_several_utterances_are_those_of_the_ratio():
    model, rng = plda(), np.random.default_rng(1)
    x, y, counts = rng.normal(size=(3, 4)), rng.normal(size=(2, 4)), np.array([1, 3, 3])
    scorer = PldaScorer(model, several=True)
    wanted = model.score(model.transform(x, counts), counts, model.transform(y))
    got = scorer.all_pairs(scorer.enroll(x, counts), scorer.test(y))
    np.testing.assert_allclose(got, wanted, atol=1e-12)


def test_a_vector_whose_cohort_scores_are_all_the_same_is_refused():
    scorer = CosineScorer()
    cohort = Cohort.of(scorer, np.eye(3), "abc")
    zero, row = scorer.enroll(np.zeros((1, 3))), np.array([0])
    with pytest.raises(ScoreError, match=r"cohort scores of 1 vectors are all the same \(rows 0"):
        Sides(cohort, zero, None, row, row).s_norm(np.array([0.0]))


# -- as steps of a chain

TRIALS = {"test": {"enroll": "test_set", "test": "test_set"}}
BACKEND = {"train_sets": ["train"], "adapt_set": None}


def systems_of(chain):
    return Systems({"systems": {"mine": chain}}, BACKEND, TRIALS, dim=4)


def norm(name="as_norm", **options):
    return {name: {"cohort": "train", "top_n": 3} | options}


@pytest.mark.parametrize(
    "chain, words",
    [
        (["cosine", norm(), norm()], "must come directly after the model"),
        (["cosine", norm(cohort="trian")], "names the set 'trian'. Did you mean 'train'?"),
        (["cosine", norm(select="both")], "select"),
        (["cosine", norm(num_cohort=2)], "num_cohort is 2, fewer than top_n, 3"),
        (["cosine", norm("z_norm", ddof=2)], "ddof is 2. Give 0 or 1."),
    ],
)
def test_a_normalisation_that_cannot_be_is_refused(chain, words):
    with pytest.raises(ConfigError) as caught:
        check_systems({"systems": {"mine": chain}}, BACKEND, ["test"], ["train"])
    assert words in str(caught.value)


@pytest.fixture
def recipe(tmp_path, monkeypatch):
    """Vectors of five training and two test speakers, as the rules before leave them."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for dset, spks in {"train": "abcde", "test_set": "xy"}.items():
        for folder in (f"data/{dset}", f"exp/xvectors/{dset}"):
            (tmp_path / folder).mkdir(parents=True)
        utts = {f"{spk}{n}": spk for spk in spks for n in range(3)}
        Path(f"data/{dset}/utt2spk").write_text("".join(f"{u} {s}\n" for u, s in utts.items()))
        files = f"exp/xvectors/{dset}/xvector"
        with TableWriter(f"ark,scp:{files}.ark,{files}.scp", FLOAT_VECTOR) as writer:
            for utt in utts:
                writer.write(utt, rng.normal(size=4).astype(np.float32))
    Path("data/trials").mkdir()
    Path("data/trials/test").write_text("x0 x1 target\nx0 y1 nontarget\ny2 x1 nontarget\n")
    for file in ("xvector.scp", "utt2spk", "spk2utt"):
        source = "exp/xvectors/train/xvector.scp" if "scp" in file else "data/train/utt2spk"
        Path("exp/backend").mkdir(exist_ok=True)
        Path("exp/backend", file).write_text(Path(source).read_text())
    Path("exp/backend/spk2utt").write_text("".join(f"{s} {s}0 {s}1 {s}2\n" for s in "abcde"))
    return tmp_path


def run(command):
    return subprocess.run(
        ["bash", "-c", f"set -euo pipefail; . '{ROOT}/path.sh' --strict; {command.text}"],
        env={**os.environ, "KALDI_ROOT": ""},
        capture_output=True,
        text=True,
    )


def scores_of(systems):
    for file in [*systems.early(), *systems.estimates()]:
        if not file.endswith("plda_adapted"):
            Path("exp/backend", file).parent.mkdir(parents=True, exist_ok=True)
            done = run(systems.estimate(file))
            assert done.returncode == 0, done.stderr
    done = run(systems.score("mine", "test"))
    assert done.returncode == 0, done.stderr
    return [float(line.split()[2]) for line in done.stdout.splitlines()]


def test_a_chain_normalises_by_means_of_speakers_after_its_transforms(recipe):
    got = scores_of(systems_of(["centre", "cosine", norm(speakers=True)]))

    vectors = {
        dset: read_vectors(f"scp:exp/xvectors/{dset}/xvector.scp") for dset in ("train", "test_set")
    }
    train = vectors["train"][1].astype(float)
    mean = train.mean(axis=0)
    cohort = (train - mean).reshape(5, 3, 4).mean(axis=1)
    test = dict(zip(*vectors["test_set"], strict=True))

    def cosine(a, b):
        return a @ b / np.linalg.norm(a) / np.linalg.norm(b)

    for place, (e, t) in enumerate((("x0", "x1"), ("x0", "y1"), ("y2", "x1"))):
        score, half = cosine(test[e] - mean, test[t] - mean), []
        for utt in (e, t):
            top = np.sort([cosine(test[utt] - mean, member) for member in cohort])[-3:]
            half.append((score - top.mean()) / top.std())
        assert got[place] == pytest.approx(np.mean(half), rel=1e-4)


@pytest.mark.parametrize("name", ["z_norm", "t_norm", "zt_norm", "s_norm"])
def test_each_normalisation_runs_behind_plda(recipe, name):
    scores = scores_of(systems_of(["plda", norm(name, num_cohort=8)]))
    assert len(scores) == 3
    assert np.isfinite(scores).all()


def test_the_cohort_is_drawn_by_seed_and_written_out(recipe):
    step = json.dumps({"name": "as_norm", "cohort": "train", "top_n": 2, "num_cohort": 4})
    words = ["1", "data/train/utt2spk"]
    drawn = []
    for out in ("first", "second"):
        run_step.main(["--step", step, "write_list", out, *words])
        drawn.append(Path(out).read_text().splitlines())
    assert drawn[0] == drawn[1]
    assert len(drawn[0]) == 4


def test_a_cohort_with_a_speaker_of_the_trials_is_refused_from_tables_alone(recipe):
    systems = systems_of(["cosine", norm()])
    (early,) = systems.early()
    assert all(path.startswith("data/") for path in systems.estimate(early).inputs)
    table = Path("data/train/utt2spk")
    table.write_text(table.read_text() + "z0 x\n")
    done = run(systems.estimate(early))
    assert done.returncode == 1
    assert "the cohort (train) shares 1 speaker with the trial list 'test' (x)." in done.stderr
    assert not Path("exp/backend", early).exists()


def test_a_cohort_of_fewer_than_top_n_is_refused(recipe):
    step = json.dumps({"name": "as_norm", "cohort": "train", "top_n": 6, "speakers": True})
    with pytest.raises(BackendError, match="has 5 members, fewer than top_n, 6"):
        run_step.main(["--step", step, "write_list", "out", "1", "data/train/utt2spk"])
