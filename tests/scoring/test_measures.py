"""The metrics of a recipe: their options, their table and their text."""

from dataclasses import dataclass

import numpy as np
import pytest

from steps_py.errors import ConfigError
from steps_py.scoring.measures import measure_systems, metrics_of, results_text
from steps_py.scoring.metrics import METRICS
from steps_py.scoring.metrics.base import Metric


@pytest.fixture
def lists(tmp_path):
    """A trial list, and the scores of two systems."""
    trials = tmp_path / "dev"
    trials.write_text("a b target\na c nontarget\nb c nontarget\nc d target\n")
    scores = {"plda": "a b 1\na c 2\nb c 3\nc d 4\n", "cosine_2": "a b 4\na c 1\nb c 0\nc d 5\n"}
    paths = []
    for system, text in scores.items():
        (tmp_path / system).mkdir()
        paths.append(tmp_path / system / "dev")
        paths[-1].write_text(text)
    return trials, paths


def test_metrics_of_a_system_by_hand(lists):
    trials, (path, _) = lists
    # targets score 1 and 4, nontargets 2 and 3: one of two wrong on each side at any threshold
    table = measure_systems(trials, [path], metrics_of(["eer", "min_dcf"], [0.5]))
    assert list(table.metric) == ["eer_percent", "min_dcf_0.5"]
    # accepting only the 4: misses half the targets, no false alarm: 0.5 * 0.5 / 0.5
    assert list(table.value) == pytest.approx([50, 0.5])
    row = table.iloc[0]
    assert (row.system, row["list"], row.num_trials, row.num_targets) == ("plda", "dev", 4, 2)


def test_a_detection_cost_has_its_own_prior_and_costs():
    (metric,) = metrics_of([{"min_dcf": {"p_target": 0.1, "c_miss": 10}}], [0.01])
    # misses half the targets: 10 * 0.5 * 0.1; the trivial system accepts all: 0.9
    assert metric.compute(np.array([1.0, 4.0]), np.array([2.0, 3.0])) == pytest.approx(0.5 / 0.9)
    assert metric.name == "min_dcf_0.1_10_1"


def test_metrics_with_a_prior_are_computed_at_each_of_the_recipes():
    names = [metric.name for metric in metrics_of(["min_dcf", "eer"], [0.01, 0.001])]
    assert names == ["min_dcf_0.01", "min_dcf_0.001", "eer_percent"]


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


def test_a_metric_of_ones_own_is_one_class(lists):
    @METRICS.register("accuracy")
    class Accuracy(Metric):
        """The share of trials on the right side of a threshold."""

        name, title, decimals, min_width = "accuracy_percent", "acc. %", 1, 0

        @dataclass(frozen=True, kw_only=True)
        class Config:
            threshold: float

        def compute(self, target_scores, nontarget_scores):
            right = np.sum(target_scores >= self.config.threshold)
            right += np.sum(nontarget_scores < self.config.threshold)
            return 100 * right / (len(target_scores) + len(nontarget_scores))

    try:
        trials, paths = lists
        metrics = metrics_of(["eer", {"accuracy": {"threshold": 2.5}}], [0.01])
        text = results_text(measure_systems(trials, paths, metrics), metrics, "built-in")
    finally:
        METRICS._classes.pop("accuracy")
    assert text.splitlines()[3:] == [
        "system     EER %  acc. %",
        "plda      50.000    50.0",
        "cosine_2   0.000   100.0",
    ]


def test_the_text_of_the_default_metrics_is_aligned_under_its_titles(lists):
    trials, paths = lists
    metrics = metrics_of(["eer", "min_dcf"], [0.01, 0.001])
    lines = results_text(measure_systems(trials, paths, metrics), metrics, "built-in").splitlines()
    assert lines[0].startswith("list      dev: 4 trials, 2 of them target, sha256 ")
    assert lines[1:] == [
        "commands  built-in",
        "",
        "system     EER %   minDCF 0.01  minDCF 0.001",
        "plda      50.000        0.5000        0.5000",
        "cosine_2   0.000        0.0000        0.0000",
    ]
