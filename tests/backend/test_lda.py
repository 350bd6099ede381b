"""LDA and PCA against scipy's generalised eigenvalues, by hand, and at the edges."""

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given
from hypothesis import strategies as st

from steps_py.backend.covariance import diagonalize, eigh_falling, whitening_transform
from steps_py.backend.lda import Lda, Pca
from steps_py.backend.steps.lda import check_enough
from steps_py.errors import BackendError


def speakers(seed=0, num_speakers=10, num_utts=6, dim=5):
    rng = np.random.default_rng(seed)
    speaker_N = np.repeat(np.arange(num_speakers), num_utts)
    mix = rng.normal(size=(dim, dim))
    y_SD = rng.normal(size=(num_speakers, dim)) * np.arange(dim, 0, -1)
    return (y_SD[speaker_N] + rng.normal(size=(len(speaker_N), dim))) @ mix + 3, speaker_N


def covariances(x_ND, speaker_N):
    """Total and within-speaker covariance, by numpy's own means."""
    centred_ND = x_ND.copy()
    for spk in np.unique(speaker_N):
        centred_ND[speaker_N == spk] -= x_ND[speaker_N == spk].mean(axis=0)
    return np.cov(x_ND.T, bias=True), centred_ND.T @ centred_ND / len(x_ND)


@pytest.mark.parametrize("factor", [0.0, 0.3, 1.0])
def test_rows_are_generalised_eigenvectors(factor):
    x_ND, speaker_N = speakers()
    lda = Lda(dim=3, total_covariance_factor=factor).fit(x_ND, speaker_N)
    total, within = covariances(x_ND, speaker_N)
    metric = factor * total + (1 - factor) * within
    values, vectors = scipy.linalg.eigh(total - within, metric)
    np.testing.assert_allclose(lda.eigenvalues_D, values[::-1], atol=1e-8)
    for row, vector in zip(lda.transform_LD, vectors.T[::-1], strict=False):
        np.testing.assert_allclose(np.abs(row), np.abs(vector), rtol=1e-6)


@pytest.mark.parametrize("factor, unit", [(0.0, 1), (1.0, 0)])
def test_projected_covariance_is_unit(factor, unit):
    x_ND, speaker_N = speakers()
    y_ND = Lda(dim=4, total_covariance_factor=factor).fit(x_ND, speaker_N).transform(x_ND)
    np.testing.assert_allclose(covariances(y_ND, speaker_N)[unit], np.eye(4), atol=1e-8)
    np.testing.assert_allclose(y_ND.mean(axis=0), 0, atol=1e-9)


def test_affine_form_centres_and_projects():
    x_ND, speaker_N = speakers()
    lda = Lda(dim=2).fit(x_ND, speaker_N)
    affine = lda.affine()
    assert affine.shape == (2, 6)
    with_one = np.hstack([x_ND, np.ones((len(x_ND), 1))])
    np.testing.assert_allclose(with_one @ affine.T, lda.transform(x_ND))


def test_the_floor_keeps_a_dead_direction_finite():
    x_ND, speaker_N = speakers(dim=3)
    x_ND[:, 2] = x_ND[:, 0]
    lda = Lda(dim=3, covariance_floor=1e-3).fit(x_ND, speaker_N)
    assert lda.num_floored == 1
    assert np.isfinite(lda.transform_LD).all()


def test_dimensions_beyond_the_speakers_hold_nothing():
    x_ND, speaker_N = speakers(num_speakers=3)
    lda = Lda(dim=5).fit(x_ND, speaker_N)
    assert lda.eigenvalues_D[1] > 0.1
    np.testing.assert_allclose(lda.eigenvalues_D[2:], 0, atol=1e-9)


@given(st.integers(0, 10**6), st.floats(0.01, 100))
def test_the_projection_does_not_depend_on_scale_and_shift(seed, scale):
    x_ND, speaker_N = speakers(seed)
    y_ND = Lda(dim=2).fit(x_ND, speaker_N).transform(x_ND)
    moved_ND = scale * x_ND - 7
    again_ND = Lda(dim=2).fit(moved_ND, speaker_N).transform(moved_ND)
    np.testing.assert_allclose(np.abs(again_ND), np.abs(y_ND), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    "lda, x_ND, speaker_N, message",
    [
        (Lda(dim=3), np.eye(4, 2), [0, 0, 1, 1], "cannot keep 3 of 2 dimensions"),
        (Lda(dim=0), np.eye(4, 2), [0, 0, 1, 1], "cannot keep 0 of 2 dimensions"),
        (Lda(dim=1), np.eye(2, 3), [0, 1], "2 x-vectors are too few for 3 dimensions"),
        (Lda(dim=1), np.eye(4, 2), [0, 0, 0, 0], "one speaker"),
        (Lda(dim=1), np.eye(4, 2), [0, 1, 2, 3], "one x-vector only"),
        (
            Lda(dim=1),
            np.full((4, 2), np.nan),
            [0, 0, 1, 1],
            "not finite in rows 0, 1, 2 and 1 more",
        ),
        (Lda(dim=1), np.ones((4, 2)), [0, 0, 1, 1], "covariance to be made unit is zero"),
        (Lda(dim=1), np.zeros((0, 2)), [], "no x-vectors"),
    ],
)
def test_what_cannot_be_estimated_is_refused(lda, x_ND, speaker_N, message):
    with pytest.raises(BackendError, match=message):
        lda.fit(x_ND, speaker_N)


def test_a_negative_floor_is_refused():
    with pytest.raises(BackendError, match="floor must be >= 0, got -1"):
        Lda(covariance_floor=-1)


# PCA


def test_components_are_uncorrelated_and_sorted_by_variance():
    x_ND, _ = speakers(1)
    pca = Pca().fit(x_ND)
    covar = np.cov((x_ND @ pca.transform_DD.T).T, bias=True)
    np.testing.assert_allclose(covar, np.diag(pca.variances_D), atol=1e-8)
    assert (np.diff(pca.variances_D) <= 0).all()
    np.testing.assert_allclose(pca.mean_D, x_ND.mean(axis=0))
    np.testing.assert_allclose(pca.transform_DD @ pca.transform_DD.T, np.eye(5), atol=1e-12)


def test_no_vectors_have_no_components():
    with pytest.raises(BackendError, match="no vectors"):
        Pca().fit(np.zeros((0, 3)))


# the linear algebra below them


@given(st.integers(0, 10**6), st.integers(1, 6))
def test_two_covariances_become_diagonal_at_once(seed, dim):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(2, dim, 2 * dim))
    within, between = a @ a.T, b @ b.T
    v, psi = diagonalize(within, between)
    np.testing.assert_allclose(v @ within @ v.T, np.eye(dim), atol=1e-5)
    np.testing.assert_allclose(v @ between @ v.T, np.diag(psi), atol=1e-5 * psi[0])
    assert (np.diff(psi) <= 0).all() and (psi >= 0).all()


def test_whitening_floors_what_is_not_there():
    p, num_floored = whitening_transform(np.diag([4.0, 0.0]), relative_floor=0.25)
    assert num_floored == 1
    np.testing.assert_allclose(p, np.diag([0.5, 1.0]))


def test_eigenvectors_have_a_fixed_sign():
    a = np.random.default_rng(0).normal(size=(4, 4))
    value, vector = eigh_falling(a + a.T)
    assert (np.diff(value) <= 0).all()
    assert (vector[np.abs(vector).argmax(axis=0), range(4)] > 0).all()


def test_covariances_with_nan_are_refused():
    with pytest.raises(BackendError, match="covariances are not finite in rows 0"):
        eigh_falling(np.array([[np.nan]]))


def test_fewer_xvectors_than_dimensions_are_refused_with_the_cure():
    check_enough(45, 45)
    with pytest.raises(BackendError, match=r"^lda: 44 .* model\.embedding_dim to 44 or less"):
        check_enough(44, 45)
