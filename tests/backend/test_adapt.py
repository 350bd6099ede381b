"""Unsupervised PLDA adaptation."""

import numpy as np
import pytest

from steps_py.backend.adapt import AdaptConfig, adapt_plda
from steps_py.backend.plda import Plda
from steps_py.errors import BackendError


def model(dim=3, seed=0):
    rng = np.random.default_rng(seed)
    psi_D = np.sort(rng.uniform(0.5, 5, dim))[::-1]
    return Plda(rng.normal(size=dim), rng.normal(size=(dim, dim)), psi_D)


def vectors_with(mean_D, covar_DD):
    """A few vectors whose mean and covariance (divided by N) are exactly these."""
    dim = len(mean_D)
    root = np.linalg.cholesky(covar_DD) * np.sqrt(dim)
    return mean_D + np.vstack([root.T, -root.T])


def test_by_hand_in_one_dimension():
    # Model: within 1, between 3, total 4, mean 0.  Data: variance 8, mean 2: 8 + 2^2 = 12,
    # 3 times the total.  Excess 2 of the total: 8, of which 0.25 goes within, 0.75 between.
    data = vectors_with(np.array([2.0]), np.array([[8.0]]))
    config = AdaptConfig(within_covar_scale=0.25, between_covar_scale=0.75)
    adapted, excess = adapt_plda(Plda([0.0], [[1.0]], [3.0]), data, config)
    within, between = adapted.covariances()
    np.testing.assert_allclose(excess, [3.0])
    np.testing.assert_allclose([adapted.mean_D[0], within[0, 0], between[0, 0]], [2, 3, 9])


def test_mean_shift_may_be_left_out_of_the_variance():
    data = vectors_with(np.array([2.0]), np.array([[8.0]]))
    _, excess = adapt_plda(Plda([0.0], [[1.0]], [3.0]), data, AdaptConfig(mean_diff_scale=0.0))
    np.testing.assert_allclose(excess, [2.0])


def test_excess_is_shared_out_direction_by_direction():
    """Where the data vary more than the model, the total becomes theirs; elsewhere it stays."""
    plda = model()
    within, between = plda.covariances()
    to_unit = plda.transform_DD / np.sqrt(1 + plda.psi_D)[:, np.newaxis]
    from_unit = np.linalg.inv(to_unit)
    wanted = from_unit @ np.diag([4.0, 1.0, 0.25]) @ from_unit.T
    adapted, excess = adapt_plda(plda, vectors_with(plda.mean_D, wanted))
    np.testing.assert_allclose(excess, [4, 1, 0.25])
    got_within, got_between = adapted.covariances()
    more = 3 * np.outer(from_unit[:, 0], from_unit[:, 0])
    np.testing.assert_allclose(got_within, within + 0.3 * more)
    np.testing.assert_allclose(got_between, between + 0.7 * more)


def test_data_of_the_same_domain_change_nothing_but_the_mean():
    plda = model()
    data = vectors_with(plda.mean_D, sum(plda.covariances()))
    adapted, excess = adapt_plda(plda, data)
    np.testing.assert_allclose(excess, 1)
    np.testing.assert_allclose(adapted.psi_D, plda.psi_D)
    for got, before in zip(adapted.covariances(), plda.covariances(), strict=True):
        np.testing.assert_allclose(got, before, atol=1e-9)


def test_the_model_given_stays_as_it_is():
    plda = model()
    mean, transform, psi = plda.mean_D.copy(), plda.transform_DD.copy(), plda.psi_D.copy()
    adapt_plda(plda, 5 + np.random.default_rng(1).normal(size=(20, 3)))
    np.testing.assert_array_equal(plda.mean_D, mean)
    np.testing.assert_array_equal(plda.transform_DD, transform)
    np.testing.assert_array_equal(plda.psi_D, psi)


def test_fewer_vectors_than_dimensions_are_enough():
    adapted, _ = adapt_plda(model(), np.random.default_rng(2).normal(size=(2, 3)) * 100)
    assert np.isfinite(adapted.transform_DD).all()


@pytest.mark.parametrize(
    "x_ND, message",
    [
        (np.zeros((0, 3)), r"shape \(0, 3\)"),
        (np.ones((5, 4)), r"shape \(5, 4\), the model expects \(N, 3\)"),
        (np.array([[1.0, 2.0, np.nan], [1, 2, 3]]), "not finite in rows 0"),
    ],
)
def test_unusable_vectors_are_refused(x_ND, message):
    with pytest.raises(BackendError, match=message):
        adapt_plda(model(), x_ND)


@pytest.mark.parametrize("name", ["mean_diff_scale", "within_covar_scale", "between_covar_scale"])
def test_negative_scales_are_refused(name):
    with pytest.raises(BackendError, match=f"{name} must be >= 0, got -0.1"):
        AdaptConfig(**{name: -0.1})
