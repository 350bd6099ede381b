"""Calibration: against public implementations, and by hand."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steps_py.backend.calibration import fit_isotonic, fit_logistic
from steps_py.errors import ScoreError

GOLDEN = Path(__file__).parents[1] / "golden/scores"
WEIGHTS = json.loads((GOLDEN / "calibration_weights.json").read_text())


def read_tsv(name):
    with open(GOLDEN / name) as file:
        return list(csv.DictReader(file, delimiter="\t"))


TRIALS = read_tsv("calibrated_trials.tsv")
TARGET = np.array([row["label"] == "target" for row in TRIALS])
DEV = np.array([row["part"] == "dev" for row in TRIALS])


def scores(*names):
    return np.array([[float(row[name]) for name in names] for row in TRIALS])


@pytest.mark.parametrize("p_target", ["0.5", "0.1", "0.01"])
@pytest.mark.parametrize("system", WEIGHTS["calibration"])
def test_weights_are_the_optimum_that_other_solvers_find(system, p_target):
    wanted = WEIGHTS["calibration"][system][p_target]
    fit = fit_logistic(scores(system)[DEV], TARGET[DEV], float(p_target))
    assert fit.weights_F[0] == pytest.approx(wanted["scale"], rel=1e-5)
    assert fit.offset == pytest.approx(wanted["offset"], rel=1e-5)
    assert fit.objective_bits == pytest.approx(wanted["objective_bits_at_optimum"], rel=1e-6)
    assert not fit.separable


@pytest.mark.parametrize("name", WEIGHTS["fusion"])
def test_a_fusion_has_the_weights_that_other_solvers_find(name):
    wanted, (systems, p_target) = WEIGHTS["fusion"][name], name.rsplit(" p", 1)
    features = scores(*systems.split(" + "))
    fit = fit_logistic(features[DEV], TARGET[DEV], float(p_target))
    np.testing.assert_allclose(fit.weights_F, wanted["weights"], rtol=1e-5)
    assert fit.offset == pytest.approx(wanted["offset"], rel=1e-5)
    np.testing.assert_allclose(fit.llr(features[:10]), wanted["fused_first10"], atol=1e-5)


@pytest.mark.parametrize("system", WEIGHTS["pav"])
def test_blocks_of_isotonic_regression_are_those_of_pyllr(system):
    wanted = WEIGHTS["pav"][system]
    fit = fit_isotonic(scores(system)[DEV, 0], TARGET[DEV])
    assert fit.targets_B.tolist() == wanted["targets"]
    assert fit.nontargets_B.tolist() == wanted["nontargets"]
    np.testing.assert_allclose(fit.low_B, wanted["bins_score_low"], rtol=1e-8)
    np.testing.assert_allclose(fit.high_B, wanted["bins_score_high"], rtol=1e-8)
    np.testing.assert_allclose(fit.llr_B, np.array(wanted["llr"], float), rtol=1e-9)


def test_calibrated_gaussians_need_no_calibration():
    """Scores N(d, 2d) and N(-d, 2d) are log-likelihood ratios already."""
    rng = np.random.default_rng(1)
    target = rng.random(200_000) < 0.3
    score = rng.normal(np.where(target, 2.0, -2.0), 2.0)
    fit = fit_logistic(score[:, None], target, 0.1)
    assert fit.weights_F[0] == pytest.approx(1, abs=0.02)
    assert fit.offset == pytest.approx(0, abs=0.03)


@given(st.floats(0.01, 100), st.floats(-50, 50))
def test_ratios_do_not_depend_on_scale_and_origin_of_the_scores(scale, origin):
    x = scores("sys2.cosine")[DEV][:200]
    target = TARGET[DEV][:200]
    before = fit_logistic(x, target).llr(x)
    after = fit_logistic(scale * x + origin, target).llr(scale * x + origin)
    np.testing.assert_allclose(before, after, atol=1e-6)


def test_the_number_of_trials_of_a_kind_does_not_count():
    x = np.array([[0.0], [1.0], [2.0], [3.0], [1.5]])
    target = np.array([False, True, False, True, True])
    once = fit_logistic(x, target, 0.1)
    thrice = fit_logistic(np.concatenate([x, x[~target], x[~target]]), [*target, *[False] * 4], 0.1)
    np.testing.assert_allclose(once.weights_F, thrice.weights_F, rtol=1e-9)


def test_separable_scores_get_finite_ratios_of_the_right_sign():
    x, target = np.array([[-2.0], [-1.0], [1.0], [2.0]]), np.array([False, False, True, True])
    for features in (x, np.column_stack([x, x**2])):
        fit = fit_logistic(features, target)
        assert fit.separable
        assert np.isfinite(fit.weights_F).all()
        assert ((fit.llr(features) > 0) == target).all()
        assert np.abs(fit.llr(features)).max() < 30


def test_scores_without_information_get_a_ratio_of_one():
    fit = fit_logistic(np.full((4, 1), 7.0), [True, False, True, False], 0.01)
    np.testing.assert_allclose(fit.llr([[7.0]]), 0, atol=1e-6)
    isotonic = fit_isotonic(np.full(4, 7.0), [True, False, True, False])
    np.testing.assert_allclose(isotonic.llr([7.0, 8.0]), 0, atol=1e-12)


def test_isotonic_ratios_rise_and_can_be_kept_finite():
    x, target = scores("sys2.cosine")[DEV, 0], TARGET[DEV]
    fit = fit_isotonic(x, target, add_one=True)
    grid = fit.llr(np.linspace(-2, 2, 501))
    assert np.isfinite(grid).all()
    assert (np.diff(grid) >= 0).all()
    assert not np.isfinite(fit_isotonic(x, target).llr_B).all()


@pytest.mark.parametrize("fit", [lambda x, t: fit_logistic(x[:, None], t), fit_isotonic])
def test_a_list_of_one_kind_and_infinite_scores_are_refused(fit):
    x = np.array([1.0, 2.0])
    with pytest.raises(ScoreError, match="none of the 2 trials is a nontarget trial"):
        fit(x, [True, True])
    with pytest.raises(ScoreError, match="not finite"):
        fit(np.array([1.0, np.inf]), [True, False])
