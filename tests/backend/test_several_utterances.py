"""Enrolments of several utterances: how chains score them."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from steps_py.backend.plda_io import read_plda
from steps_py.backend.systems import Systems, check_systems
from steps_py.errors import ConfigError
from steps_py.formats.holders import FLOAT_VECTOR
from steps_py.formats.tables import TableWriter
from steps_py.formats.vector_tables import read_vectors
from tests.support.vector_recipe import DIM, make_vector_recipe, run, scores_of

TRIALS = {"test": {"enroll": "models", "test": "test_set"}}
PAIRS = (("m-one", "x1"), ("m-two", "y1"), ("m-two", "x1"))
UTTS = {"m-one": ["x0"], "m-two": ["x0", "x2"]}


@pytest.fixture
def recipe(tmp_path, monkeypatch):
    """Two models of one speaker: of one and of two utterances."""
    monkeypatch.chdir(tmp_path)
    make_vector_recipe()
    for folder in ("data/models", "exp/xvectors/models"):
        Path(folder).mkdir(parents=True)
    lines = "".join(f"{model} {' '.join(utts)}\n" for model, utts in UTTS.items())
    Path("data/models/spk2utt").write_text(lines)
    Path("data/models/utt2spk").write_text("m-one x\nm-two x\n")
    folder = "exp/xvectors/models"
    tables = "ark:data/models/spk2utt scp:exp/xvectors/test_set/xvector.scp"
    outputs = f"ark,scp:{folder}/xvector.ark,{folder}/xvector.scp ark,t:{folder}/num_utts"
    done = run(SimpleNamespace(text=f"ivector-mean {tables} {outputs}"))
    assert done.returncode == 0, done.stderr
    Path("data/trials/test").write_text("".join(f"{e} {t} target\n" for e, t in PAIRS))
    return tmp_path


def systems_of(chain):
    backend = {"train_sets": ["train"], "adapt_set": None}
    return Systems(
        {"systems": {"mine": chain}}, backend, TRIALS, dim=DIM, models={"models": "test_set"}
    )


def vectors_of_pairs():
    keys, x = read_vectors("scp:exp/xvectors/test_set/xvector.scp")
    row = {key: number for number, key in enumerate(keys)}
    for model, utt in PAIRS:
        yield x[[row[name] for name in UTTS[model]]].astype(float).mean(axis=0), x[row[utt]]


def test_a_cosine_is_that_of_the_mean_vector(recipe):
    got = scores_of(systems_of(["cosine"]))
    wanted = [a @ b / np.linalg.norm(a) / np.linalg.norm(b) for a, b in vectors_of_pairs()]
    np.testing.assert_allclose(got, wanted, rtol=1e-5)


def test_plda_takes_the_number_of_utterances_into_account(recipe):
    systems = systems_of(["plda"])
    assert "exp/xvectors/models/num_utts" in systems.score("mine", "test").inputs
    got = scores_of(systems)
    plda = read_plda("exp/backend/plda/plda")
    for score, (model, _), (a, b) in zip(got, PAIRS, vectors_of_pairs(), strict=True):
        counts = np.array([len(UTTS[model])])
        wanted = plda.score(plda.transform(a[None], counts), counts, plda.transform(b[None]))
        assert score == pytest.approx(wanted[0, 0], rel=1e-4)


def test_discriminative_plda_of_covariances_counts_utterances_too(recipe):
    """Untrained it is PLDA, whose lengths are not normalised."""
    got = scores_of(systems_of([{"dplda": {"num_iters": 0, "form": "covariances"}}]))
    (path,) = Path("exp/backend").glob("dplda*/plda")
    plda = read_plda(path)
    for score, (model, _), pair in zip(got, PAIRS, vectors_of_pairs(), strict=True):
        counts = np.array([len(UTTS[model])])
        a, b = (plda.transform(x[None], normalize_length=False) for x in pair)
        assert score == pytest.approx(plda.score(a, counts, b)[0, 0], rel=1e-4)


@pytest.mark.parametrize(
    "model", ["plda", "cosine", "neg_euclidean", {"simplified_plda": {"rank": 2}}]
)
def test_normalisation_runs_behind_each_model(recipe, model):
    scores = scores_of(systems_of([model, {"as_norm": {"cohort": "train", "top_n": 3}}]))
    assert np.isfinite(scores).all()


def cosine(a, b):
    return a @ b / np.linalg.norm(a) / np.linalg.norm(b)


def test_scores_of_the_utterances_of_a_model_are_averaged(recipe):
    systems = systems_of(["cosine", {"mean_scores": {}}])
    done = run(systems.expand("test", "utterances"))
    assert done.returncode == 0, done.stderr
    assert Path("data/trials/test.utterances").read_text().splitlines() == [
        "x0 x1 target", "x0 y1 target", "x2 y1 target", "x2 x1 target"
    ]  # fmt: skip
    inputs = systems.score("mine", "test").inputs
    assert "data/trials/test.utterances" in inputs
    assert "exp/xvectors/models/xvector.scp" not in inputs
    vectors = dict(zip(*read_vectors("scp:exp/xvectors/test_set/xvector.scp"), strict=True))
    wanted = [
        np.mean([cosine(vectors[utt], vectors[test]) for utt in UTTS[model]])
        for model, test in PAIRS
    ]
    np.testing.assert_allclose(scores_of(systems), wanted, rtol=1e-5)


def copies_of(utt):
    return [f"{utt}-sp0.9", utt]


@pytest.mark.parametrize(
    "over, numbers",
    [("copies", [(0, 0), (1, 1)]), ("all_copies", [(0, 0), (0, 1), (1, 0), (1, 1)])],
)
def test_scores_of_copies_are_averaged_for_models_too(recipe, over, numbers):
    """Two copies of each utterance; the pairs of their numbers that are scored."""
    utts = [f"{spk}{n}" for spk in "xy" for n in range(3)]
    rng = np.random.default_rng(1)
    vectors = {copy: rng.normal(size=DIM) for utt in utts for copy in copies_of(utt)}
    for folder in ("data/test_set_copies", "exp/xvectors/test_set_copies"):
        Path(folder).mkdir()
    lines = "".join(f"{utt} {' '.join(copies_of(utt))}\n" for utt in utts)
    Path("data/test_set_copies/utt2copies").write_text(lines)
    out = "ark,scp:{0}.ark,{0}.scp".format("exp/xvectors/test_set_copies/xvector")
    with TableWriter(out, FLOAT_VECTOR) as writer:
        for name, x_D in sorted(vectors.items()):
            writer.write(name, x_D.astype(np.float32))
    systems = Systems(
        {"systems": {"mine": ["cosine", {"mean_scores": {"over": over}}]}},
        {"train_sets": ["train"], "adapt_set": None},
        TRIALS,
        dim=DIM,
        models={"models": "test_set"},
        copied={"test_set": "test_set_copies"},
    )
    done = run(systems.expand("test", over))
    assert done.returncode == 0, done.stderr
    wanted = [
        np.mean(
            [
                cosine(vectors[copies_of(utt)[a]], vectors[copies_of(test)[b]])
                for utt in UTTS[model]
                for a, b in numbers
            ]
        )
        for model, test in PAIRS
    ]
    np.testing.assert_allclose(scores_of(systems), wanted, atol=1e-6)


def test_a_mean_over_copies_without_copies_is_refused():
    chain, backend = ["cosine", {"mean_scores": {"over": "copies"}}], {"train_sets": ["train"]}
    with pytest.raises(ConfigError, match="over copies needs copies. Set xvectors.copies."):
        check_systems({"systems": {"mine": chain}}, backend, has_copies=False)


def test_normalised_scores_of_utterances_are_averaged_too(recipe):
    norm = {"as_norm": {"cohort": "train", "top_n": 3}}
    whole = systems_of(["cosine", norm, "mean_scores"])
    assert run(whole.expand("test", "utterances")).returncode == 0
    got = scores_of(whole)
    Path("data/trials/test").write_text(Path("data/trials/test.utterances").read_text())
    trials = {"test": {"enroll": "test_set", "test": "test_set"}}
    backend = {"train_sets": ["train"], "adapt_set": None}
    apart = Systems({"systems": {"mine": ["cosine", norm]}}, backend, trials, dim=DIM)
    first, second, third, fourth = scores_of(apart)
    np.testing.assert_allclose(got, [first, (second + third) / 2, (first + fourth) / 2], rtol=1e-6)


@pytest.mark.parametrize(
    "chain",
    [
        ["mean_scores"],
        ["cosine", "mean_scores", {"as_norm": {"cohort": "train"}}],
        ["cosine", "mean_scores", "mean_scores"],
        ["cosine", {"logistic": {"calibrate_on": "test"}}, "mean_scores"],
        [{"fuse": {"systems": ["other"], "calibrate_on": "test"}}, "mean_scores"],
    ],
)
def test_a_mean_of_scores_at_another_place_is_refused(chain):
    backend = {"train_sets": ["train"], "adapt_set": None}
    with pytest.raises(ConfigError) as caught:
        check_systems({"systems": {"mine": chain, "other": ["cosine"]}}, backend)
    assert "must" in str(caught.value)
    assert "\n" not in str(caught.value)
