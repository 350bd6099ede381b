"""Centring by condition: by hand, run in a chain, and tables that do not fit."""

from pathlib import Path

import numpy as np
import pytest

from steps_py.backend.condition_means import Conditions
from steps_py.backend.systems import Systems
from steps_py.errors import BackendError
from steps_py.formats.vector_tables import read_vectors
from tests.support.vector_recipe import DIM, TRIALS, make_vector_recipe, run, scores_of

PAIRS = (("x0", "x1"), ("x0", "y1"), ("y2", "x1"))


def language_of(utt):
    return "de" if utt[-1] == "0" else "en"


def write_languages(dset):
    utts = [line.split()[0] for line in Path(f"data/{dset}/utt2spk").read_text().splitlines()]
    lines = "".join(f"{utt} {language_of(utt)}\n" for utt in utts)
    Path(f"data/{dset}/utt2lang").write_text(lines)


@pytest.fixture
def recipe(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_vector_recipe()
    for dset in ("train", "test_set", "near"):
        write_languages(dset)
    return tmp_path


def systems_of(chain, adapt_set=None, **options):
    backend = {"train_sets": ["train"], "adapt_set": adapt_set}
    return Systems({"systems": {"mine": chain}}, backend, TRIALS, dim=DIM, **options)


def centred(of):
    """The test vectors less the mean of their language in the set `of`."""
    keys, x_ND = read_vectors(f"scp:exp/xvectors/{of}/xvector.scp")
    means = {
        name: np.mean([x for key, x in zip(keys, x_ND, strict=True) if language_of(key) == name], 0)
        for name in ("de", "en")
    }
    tests = zip(*read_vectors("scp:exp/xvectors/test_set/xvector.scp"), strict=True)
    return {key: x_D - means[language_of(key)] for key, x_D in tests}


def cosine(a, b):
    return a @ b / np.linalg.norm(a) / np.linalg.norm(b)


@pytest.mark.parametrize("adapt_set, of", [(None, "train"), ("near", "near")])
def test_vectors_are_centred_on_the_mean_of_their_condition(recipe, adapt_set, of):
    systems = systems_of([{"centre": {"by": "lang"}}, "cosine"], adapt_set)
    wanted = [cosine(centred(of)[a], centred(of)[b]) for a, b in PAIRS]
    np.testing.assert_allclose(scores_of(systems), wanted, atol=1e-6)


def test_a_file_of_the_recipe_serves_all_sets_and_training_vectors_are_centred_too(recipe):
    Path("conf").mkdir()
    tables = [Path(f"data/{dset}/utt2lang") for dset in ("train", "test_set")]
    Path("conf/languages").write_text("".join(table.read_text() for table in tables))
    for table in tables:
        table.unlink()
    chain = [{"centre": {"by": "conf/languages"}}, {"lda": {"dim": 2}}, "cosine"]
    systems = systems_of(chain)
    assert "conf/languages" in systems.score("mine", "test").inputs
    assert np.isfinite(scores_of(systems)).all()


def test_missing_utterances_and_conditions_are_refused_from_tables_alone(recipe):
    systems = systems_of([{"centre": {"by": "lang"}}, "cosine"])
    (early,) = systems.early()
    command = systems.estimate(early)
    assert all(path.startswith("data/") for path in command.inputs)
    table = Path("data/test_set/utt2lang")
    for old, new, said in (
        ("x0 de", "x0 fr", "centre: no mean for the conditions fr, only for de, en. Centre on"),
        ("x0 fr\n", "", "data/test_set/utt2lang: 1 of 6 utterances have no value (x0). Add them."),
    ):
        table.write_text(table.read_text().replace(old, new))
        done = run(command)
        assert done.returncode == 1
        assert said in done.stderr
        assert len(done.stderr.splitlines()) == 1
        assert not Path("exp/backend", early).exists()


@pytest.fixture
def tables(tmp_path):
    files = {
        "lang": "a de\nb de\nc en\n",
        "same": "m a b\nn c\n",
        "mixed": "m a c\n",
        "copies": "a a-sp0.9 a\nc c-sp0.9 c\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    return {name: str(tmp_path / name) for name in files}


def test_models_and_copies_have_the_condition_of_their_utterances(tables):
    models = Conditions([(tables["lang"], "parts", tables["same"])])
    assert models.of(["m", "n"]) == ["de", "en"]
    copies = Conditions([(tables["lang"], "copies", tables["copies"])])
    assert copies.of(["a", "a-sp0.9", "c-sp0.9"]) == ["de", "de", "en"]
    with pytest.raises(BackendError, match=r"utterances of 1 models have several values \(m\)"):
        Conditions([(tables["lang"], "parts", tables["mixed"])])


def test_copies_take_the_table_of_their_utterances(recipe):
    systems = systems_of(
        [{"centre": {"by": "lang"}}, "cosine", {"mean_scores": {"over": "copies"}}],
        copied={"test_set": "test_set_copies"},
    )
    inputs = systems.score("mine", "test").inputs
    assert {"data/test_set/utt2lang", "data/test_set_copies/utt2copies"} <= set(inputs)
    assert "data/test_set_copies/utt2lang" not in inputs
