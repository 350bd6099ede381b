"""The metrics that a recipe names, and the systems that they are for."""

import numpy as np
import pytest

from steps_py.errors import ConfigError
from steps_py.scoring.measures import check_calibrated, metrics_of
from steps_py.scoring.sorted_trials import SortedTrials


def test_a_detection_cost_has_its_own_prior_and_costs():
    (metric,) = metrics_of([{"min_dcf": {"p_target": 0.1, "c_miss": 10}}], [0.01])
    # misses half the targets: 10 * 0.5 * 0.1; the trivial system accepts all: 0.9
    trials = SortedTrials(np.array([1.0, 4, 2, 3]), [True, True, False, False]).once()
    assert metric.compute(trials) == pytest.approx([0.5 / 0.9])
    assert metric.name == "min_dcf_0.1_10_1"


def test_metrics_with_a_prior_are_computed_at_each_of_the_recipes():
    names = [metric.name for metric in metrics_of(["min_dcf", "eer", "act_dcf"], [0.01, 0.001])]
    assert names == [
        *("min_dcf_0.01", "min_dcf_0.001", "eer_percent", "act_dcf_0.01", "act_dcf_0.001")
    ]


@pytest.mark.parametrize(
    "measures, words",
    [
        (["eeer"], "unknown name 'eeer'. Did you mean 'eer'?"),
        ([{"min_dcf": {"p_targt": 0.1}}], r"min_dcf\.p_targt'\. Did you mean 'p_target'\?"),
        ([{"min_dcf": {"p_target": 1.5}}], "p_target is 1.5. Give a value between 0 and 1."),
        ([{"min_dcf": {"p_target": 0.1, "c_fa": 0}}], "c_fa is 0. Give a value above 0."),
        (["min_dcf", {"min_dcf": {"p_target": 0.01}}], "gives 'min_dcf_0.01' twice"),
    ],
)
def test_a_metric_that_does_not_exist_or_fit_is_refused(measures, words):
    with pytest.raises(ConfigError, match=words) as caught:
        metrics_of(measures, [0.01])
    assert str(caught.value).startswith("'metrics.measures'")


@pytest.mark.parametrize("measure", ["act_dcf", "cllr", {"act_c_primary": {"plan": "sre16"}}])
def test_uncalibrated_scores_have_no_actual_costs(measure):
    metrics = metrics_of(["eer", measure], [0.01])
    check_calibrated(metrics, ["fused"], ["fused"])
    with pytest.raises(ConfigError, match="needs log-likelihood ratios, .* 'cosine' are not"):
        check_calibrated(metrics, ["fused", "cosine"], ["fused"])


def test_a_metric_of_calibrated_scores_may_name_its_systems():
    metrics = metrics_of(["eer", {"cllr": {"systems": ["fused"]}}], [0.01])
    check_calibrated(metrics, ["fused", "cosine"], ["fused"])
    assert [metric.is_for("cosine") for metric in metrics] == [True, False]
