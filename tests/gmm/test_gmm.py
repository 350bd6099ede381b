"""Mixtures of Gaussians: likelihoods, selection, posteriors, statistics, estimates."""

import io

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from steps_py.errors import KaldiError, TableError
from steps_py.formats.posteriors import Posterior, Selection
from steps_py.formats.streams import Input
from steps_py.gmm.accumulators import (
    DIAG_ACCUMULATOR,
    FULL_ACCUMULATOR,
    DiagAccumulator,
    FullAccumulator,
)
from steps_py.gmm.diag_gmm import DIAG_GMM, DiagGmm
from steps_py.gmm.estimate import Limits, estimate_diag, estimate_full
from steps_py.gmm.full_gmm import FULL_GMM, FullGmm, merged
from steps_py.gmm.posteriors import posteriors_of, select_among, select_best, top_posteriors
from steps_py.gmm.update_flags import ALL_FLAGS, UpdateFlags, parse_update_flags

WEIGHTS = [0.2, 0.3, 0.5]
MEANS = np.array([[0.0, 1.0], [2.0, -1.0], [-3.0, 0.5]])
VARIANCES = np.array([[1.0, 2.0], [0.5, 1.5], [2.0, 0.3]])
COVARS = np.array([[[1.0, 0.4], [0.4, 2.0]], [[0.5, -0.2], [-0.2, 1.5]], [[2.0, 0.1], [0.1, 0.3]]])
DIAG = DiagGmm.of_moments(WEIGHTS, MEANS, VARIANCES)
FULL = FullGmm.of_moments(WEIGHTS, MEANS, COVARS)
FRAMES = np.random.default_rng(1).normal(size=(40, 2)).astype(np.float32) * 2


def densities(covars):
    """log(weight * density) by scipy: (T, G)."""
    return np.stack(
        [
            np.log(w) + multivariate_normal(m, c).logpdf(FRAMES)
            for w, m, c in zip(WEIGHTS, MEANS, covars, strict=True)
        ],
        axis=1,
    )


BOTH = pytest.mark.parametrize(
    ("gmm", "covars"), [(DIAG, [np.diag(v) for v in VARIANCES]), (FULL, COVARS)]
)


@BOTH
def test_likelihoods_are_those_of_scipy(gmm, covars):
    want_TG = densities(covars)
    np.testing.assert_allclose(gmm.log_likelihoods(FRAMES), want_TG, rtol=1e-4, atol=1e-4)
    selection = Selection.of([[2, 0], [1]] * 20)
    got_P = gmm.log_likelihoods_of(FRAMES, selection)
    want_P = want_TG[selection.frame_P(), selection.index_P]
    np.testing.assert_allclose(got_P, want_P, rtol=1e-4, atol=1e-4)
    zero = gmm.log_likelihoods(np.zeros((1, 2), np.float32))[0]
    np.testing.assert_allclose(gmm.gconsts_G, zero, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize(
    ("holder", "value", "names"),
    [
        (DIAG_GMM, DIAG, ["weights_G", "means_invvars_GD", "inv_vars_GD"]),
        (FULL_GMM, FULL, ["weights_G", "means_invcovars_GD", "inv_covars_GP"]),
    ],
)
def test_a_model_is_read_as_it_was_written(holder, value, names, binary):
    again = holder.read(Input(io.BytesIO(holder.encode(value, binary)), "model"))
    for name in names:
        np.testing.assert_allclose(getattr(again, name), getattr(value, name), rtol=1e-6)


def test_each_kind_of_model_is_refused_as_the_other():
    for holder, other, value in ((DIAG_GMM, FULL_GMM, FULL), (FULL_GMM, DIAG_GMM, DIAG)):
        with pytest.raises(TableError, match="GMM> belongs"):
            holder.read(Input(io.BytesIO(other.encode(value, True)), "model"))


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize(
    ("make", "holder", "letters"),
    [(DiagAccumulator, DIAG_ACCUMULATOR, x) for x in ("mvw", "m", "w")]
    + [(FullAccumulator, FULL_ACCUMULATOR, x) for x in ("mvw", "m", "w")],
)
def test_statistics_are_those_of_plain_sums_also_after_a_file(make, holder, letters, binary):
    posterior = Posterior.of([[(0, 0.75), (2, 0.25)], [(2, 1.0)]] * 20)
    stats = make(3, 2, parse_update_flags(letters))
    stats.add(FRAMES, posterior)
    again = holder.read(Input(io.BytesIO(holder.encode(stats, binary)), "stats"))
    for got in (stats, again):
        np.testing.assert_allclose(got.occupancy_G, [15, 0, 25], rtol=1e-6)
        if letters == "w":
            assert got.means_GD.shape == (0, 0)
            continue
        dense_TG = np.zeros((40, 3))
        dense_TG[posterior.frame_P(), posterior.index_P] = posterior.weight_P
        np.testing.assert_allclose(got.means_GD, dense_TG.T @ FRAMES, rtol=1e-4, atol=1e-4)
        if letters == "m":
            assert got.variances is None
        elif make is FullAccumulator:
            want = np.einsum("tg,td,te->gde", dense_TG, FRAMES, FRAMES)
            np.testing.assert_allclose(got.variances, want, rtol=1e-4, atol=1e-4)
        else:
            np.testing.assert_allclose(got.variances, dense_TG.T @ FRAMES**2, rtol=1e-4)


@pytest.mark.parametrize("make", [DiagAccumulator, FullAccumulator])
def test_all_posteriors_give_what_their_pairs_give(make):
    posterior_TG = np.random.default_rng(2).dirichlet(np.ones(3), 40).astype(np.float32)
    pairs = [list(enumerate(row)) for row in posterior_TG.tolist()]
    dense, sparse = make(3, 2, ALL_FLAGS), make(3, 2, ALL_FLAGS)
    dense.add_dense(FRAMES, posterior_TG)
    sparse.add(FRAMES, Posterior.of(pairs))
    for name in ("occupancy_G", "means_GD", "variances"):
        np.testing.assert_allclose(getattr(dense, name), getattr(sparse, name), rtol=1e-4)


@pytest.mark.parametrize(
    ("make", "gmm", "estimate"),
    [(DiagAccumulator, DIAG, estimate_diag), (FullAccumulator, FULL, estimate_full)],
)
def test_an_estimate_is_the_sample_moments_and_raises_the_likelihood(make, gmm, estimate):
    stats = make(3, 2, ALL_FLAGS)
    selection = Selection.of([[0, 1, 2]] * 40)
    posterior, before_T = posteriors_of(gmm.log_likelihoods_of(FRAMES, selection), selection)
    stats.add(FRAMES, posterior)
    limits = Limits(min_occupancy=1.0)
    result = estimate(gmm, stats, ALL_FLAGS, limits)
    assert result.removed == [] and result.objf_change > 0
    after_T = logsumexp(result.gmm.log_likelihoods(FRAMES), axis=1)
    assert after_T.sum() > before_T.sum()
    share_TG = posterior.weight_P.reshape(40, 3)
    for g in range(3):
        want = np.average(FRAMES, axis=0, weights=share_TG[:, g])
        np.testing.assert_allclose(result.gmm.means_GD()[g], want, rtol=1e-3, atol=1e-4)
    # without the means, the variance is around the old mean
    kept = estimate(gmm, stats, UpdateFlags.VARIANCES, limits).gmm
    np.testing.assert_allclose(kept.means_GD(), MEANS, rtol=1e-4, atol=1e-4)


def test_the_last_gaussian_without_data_stays():
    stats = DiagAccumulator(3, 2, ALL_FLAGS)
    stats.add(FRAMES, Posterior.of([[(1, 1.0)]] * 40))
    assert estimate_diag(DIAG, stats, ALL_FLAGS, Limits()).removed == [0, 2]
    result = estimate_diag(DIAG, stats, ALL_FLAGS, Limits(min_occupancy=1e6))
    assert (result.removed, result.kept_low, result.gmm.num_gauss) == ([0, 1], [2], 1)
    result = estimate_diag(DIAG, stats, ALL_FLAGS, Limits(remove_low=False))
    assert (result.removed, result.kept_low, result.gmm.num_gauss) == ([], [0, 2], 3)


def test_eigenvalues_below_the_floor_are_raised():
    stats = FullAccumulator(1, 2, ALL_FLAGS)
    line = np.outer(np.arange(20), [1.0, 1.0]).astype(np.float32)
    stats.add(line, Posterior.of([[(0, 1.0)]] * 20))
    one = FullGmm.of_moments([1.0], [[0.0, 0.0]], [np.eye(2)])
    result = estimate_full(one, stats, ALL_FLAGS, Limits(min_variance=0.5))
    assert (result.num_floored, result.gauss_floored) == (1, 1)
    values = np.linalg.eigvalsh(result.gmm.covars_GDD()[0])
    np.testing.assert_allclose(values, [0.5, 66.5], rtol=1e-3)


def test_the_best_come_first_and_of_equal_ones_the_later():
    loglikes = np.array([[-1.0, -1.0, -9.0, -1.0], [-4.0, -3.0, -2.0, -1.0]])
    best, totals = select_best(loglikes, 2)
    assert best.lists() == [[3, 1], [3, 2]]
    np.testing.assert_allclose(totals, np.log([2 * np.exp(-1), np.exp(-1) + np.exp(-2)]))
    assert select_best(loglikes, 9)[0].lists() == [[3, 1, 0, 2], [3, 2, 1, 0]]
    selection = Selection.of([[0, 2], [1, 3, 0]])
    chosen = loglikes[selection.frame_P(), selection.index_P]
    assert select_among(chosen, selection, 2)[0].lists() == [[0, 2], [3, 1]]


def test_small_posteriors_are_removed_and_the_rest_sums_to_one():
    loglikes = np.log([[0.6, 0.3, 0.08, 0.02]])
    posterior, _ = top_posteriors(loglikes, 4, 0.05)
    assert posterior.index_P.tolist() == [0, 1, 2]
    np.testing.assert_allclose(posterior.weight_P, np.array([0.6, 0.3, 0.08]) / 0.98, rtol=1e-6)
    posterior, _ = posteriors_of(np.log([0.5, 0.5]), Selection.of([[3, 7]]), 0.6)
    assert posterior.lists() == [[(3, 1.0)]]


def test_splitting_keeps_the_weights_and_the_overall_mean():
    for gmm in (DIAG, FULL):
        new = gmm.split(5, 0.1, np.random.default_rng(0))
        np.testing.assert_allclose(new.weights_G, [0.2, 0.15, 0.25, 0.25, 0.15])
        np.testing.assert_allclose(new.weights_G @ new.means_GD(), WEIGHTS @ MEANS, atol=1e-5)


def test_conversion_and_merging():
    np.testing.assert_allclose(FULL.to_diag().variances_GD(), [[1, 2], [0.5, 1.5], [2, 0.3]], 1e-5)
    again = FullGmm.of_diag(DIAG)
    np.testing.assert_allclose(again.log_likelihoods(FRAMES), DIAG.log_likelihoods(FRAMES), 1e-4)
    both = merged([FULL, FullGmm.of_moments([1.0], [[0, 0]], [np.eye(2)])])
    np.testing.assert_allclose(both.weights_G, [0.15, 0.225, 0.375, 0.25])


def test_an_index_beyond_the_model_is_an_error():
    with pytest.raises(KaldiError, match="selects Gaussian 3, but the model has 3"):
        FULL.log_likelihoods_of(FRAMES[:1], Selection.of([[3]]))
    with pytest.raises(KaldiError, match="--update-flags=q"):
        parse_update_flags("q")
