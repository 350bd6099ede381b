"""Linear transforms: what they make of covariances, and that each runs in a chain."""

from pathlib import Path

import numpy as np
import pytest

from steps_py.backend.covariance import SpeakerStats
from steps_py.backend.projections import (
    coral,
    nap,
    total_covariance,
    wccn,
    within_covariance,
    zca,
)
from steps_py.backend.systems import Systems, check_systems
from steps_py.errors import BackendError, ConfigError
from steps_py.formats.vector_tables import read_vectors
from tests.support.vector_recipe import DIM, TRIALS, make_vector_recipe, scores_of

RNG = np.random.default_rng(0)
SPEAKERS = np.repeat(np.arange(40), 5)
X = RNG.normal(size=(40, 3))[SPEAKERS] * [3, 1, 2] + RNG.normal(size=(200, 3)) @ RNG.normal(
    size=(3, 3)
)
STATS = SpeakerStats.of(X, SPEAKERS)


def after(matrix, x=X):
    return SpeakerStats.of(
        x @ matrix[:, :3].T + (matrix[:, 3] if matrix.shape[1] == 4 else 0), SPEAKERS
    )


def test_wccn_makes_the_within_speaker_covariance_unit():
    np.testing.assert_allclose(within_covariance(after(wccn(STATS))), np.eye(3), atol=1e-9)


def test_wccn_smoothed_all_the_way_only_scales():
    matrix = wccn(STATS, smoothing=1.0)
    np.testing.assert_allclose(matrix, matrix[0, 0] * np.eye(3), atol=1e-12)


def test_zca_makes_mean_and_total_covariance_zero_and_unit_and_is_symmetric():
    matrix = zca(STATS)
    np.testing.assert_allclose(after(matrix).mean_D, 0, atol=1e-9)
    np.testing.assert_allclose(total_covariance(after(matrix)), np.eye(3), atol=1e-9)
    np.testing.assert_allclose(matrix[:, :3], matrix[:, :3].T, atol=1e-12)


def test_nap_removes_the_directions_of_most_difference_within_speakers():
    matrix = nap(STATS, 1)
    before = np.linalg.eigvalsh(within_covariance(STATS))
    got = np.linalg.eigvalsh(within_covariance(after(matrix)))
    np.testing.assert_allclose(got, [0, *before[:2]], atol=1e-9)
    np.testing.assert_allclose(matrix @ matrix, matrix, atol=1e-12)
    with pytest.raises(BackendError, match="3 directions of 3 leave none"):
        nap(STATS, 3)


def test_coral_gives_the_source_the_covariance_of_the_target():
    target = SpeakerStats.of(RNG.normal(size=(500, 3)) @ RNG.normal(size=(3, 3)), np.zeros(500))
    matrix = coral(STATS, target, ridge=0)
    np.testing.assert_allclose(total_covariance(after(matrix)), total_covariance(target), atol=1e-9)


def test_one_vector_of_each_speaker_is_refused():
    with pytest.raises(BackendError, match="each of the 200 speakers has one x-vector only"):
        wccn(SpeakerStats.of(X, np.arange(200)))


# -- in a chain


@pytest.fixture
def recipe(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_vector_recipe()
    return tmp_path


def systems_of(chain, adapt_set="near"):
    backend = {"train_sets": ["train"], "adapt_set": adapt_set}
    return Systems({"systems": {"mine": chain}}, backend, TRIALS, dim=DIM)


@pytest.mark.parametrize(
    "step",
    [
        {"wccn": {"smoothing": 0.1}},
        "zca",
        {"nap": {"num_directions": 2}},
        {"pca": {"dim": 2, "whiten": True}},
        "coral",
        "domain_mean",
        {"keep_columns": {"first": 1, "count": 2}},
        {"centre": {"on": "training"}},
    ],
)
def test_each_transform_runs_before_a_model(recipe, step):
    assert np.isfinite(scores_of(systems_of([step, "cosine"]))).all()


def test_the_cosine_after_zca_is_that_of_whitened_vectors(recipe):
    got = scores_of(systems_of(["zca", "cosine"]))
    train = read_vectors("scp:exp/xvectors/train/xvector.scp")[1].astype(float)
    keys, x = read_vectors("scp:exp/xvectors/test_set/xvector.scp")
    inverse = np.linalg.inv(np.cov(train.T, bias=True))  # a' inv(C) b is whitened a . whitened b
    x = x - train.mean(axis=0)
    for place, pair in enumerate((("x0", "x1"), ("x0", "y1"), ("y2", "x1"))):
        a, b = (x[keys.index(key)] for key in pair)
        cosine = a @ inverse @ b / np.sqrt((a @ inverse @ a) * (b @ inverse @ b))
        assert got[place] == pytest.approx(cosine, abs=1e-4)


def test_kept_columns_are_those_of_the_vectors(recipe):
    got = scores_of(systems_of([{"keep_columns": {"first": 1, "count": 3}}, "cosine"]))
    keys, x = read_vectors("scp:exp/xvectors/test_set/xvector.scp")
    a, b = (x[keys.index(key), 1:] for key in ("x0", "x1"))
    assert got[0] == pytest.approx(a @ b / np.sqrt((a @ a) * (b @ b)), abs=1e-5)
    more = systems_of([{"keep_columns": {"first": 2, "count": 3}}, "cosine"])
    with pytest.raises(ConfigError, match="keeps 3 columns from 2, but vectors have 4. Lower"):
        more.score("mine", "test")


def test_coral_changes_training_vectors_alone(recipe):
    systems = systems_of(["coral", "centre", "cosine"])
    (mean,) = [file for file in systems.estimates() if file.endswith("mean.vec")]
    assert "copy-vector" in systems.estimate(mean).text
    lda = systems_of(["coral", {"lda": {"dim": 2}}, "cosine"])
    (matrix,) = [file for file in lda.estimates() if file.startswith("coral/lda")]
    assert "exp/backend/coral/transform.mat" in lda.estimate(matrix).inputs
    assert Path("data/near/utt2spk").exists()


def test_coral_without_an_adaptation_set_is_refused():
    with pytest.raises(ConfigError, match="coral needs a set of the trials' domain"):
        check_systems(
            {"systems": {"mine": ["coral", "cosine"]}}, {"train_sets": ["train"], "adapt_set": None}
        )
