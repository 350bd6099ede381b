"""docs/scoring.md: its examples run, and its tables name what is there."""

import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest
import yaml

from steps_py.backend.chains import CHAINS
from steps_py.backend.steps import STEPS
from steps_py.backend.steps.base import Join, Model, ScoreStep, Transform
from steps_py.backend.steps.quality import MEASURES
from steps_py.backend.systems import check_systems
from steps_py.formats.holders import FLOAT_VECTOR
from steps_py.formats.tables import SequentialReader
from steps_py.scoring.measures import metrics_of
from steps_py.scoring.metrics import METRICS
from steps_py.scoring.sorted_trials import SortedTrials
from steps_py.stages import run_step

TEXT = (Path(__file__).parents[2] / "docs/scoring.md").read_text()
BACKEND = {"train_sets": ["train"], "adapt_set": None}


def code(language):
    return re.findall(rf"^```{language}\n(.*?)^```", TEXT, re.M | re.S)


@pytest.fixture
def examples():
    """The step and the metric of the page, registered as a user's files would be."""
    before = {STEPS: STEPS.names(), METRICS: METRICS.names()}
    for text in code("python"):
        if "register" in text:
            exec(text, {"__name__": "example"})
    yield
    for registry, names in before.items():
        for name in set(registry.names()) - set(names):
            registry._classes.pop(name)


def rows(title):
    """First cells of the table whose first title this is."""
    table = re.search(rf"^\| {title} \|.*\n\|[-|]+\n((?:\|.*\n)+)", TEXT, re.M)[1]
    return [line.split("|")[1].strip(" `") for line in table.splitlines()]


def test_its_recipes_are_accepted(examples):
    *systems, metrics = (yaml.safe_load(text) for text in code("yaml"))
    assert len(systems) == 4
    for config in systems:
        check_systems(config["scores"], BACKEND, ["dev"], ["train"])
    assert len(metrics_of(metrics["metrics"]["measures"], metrics["metrics"]["p_target"])) == 4
    inline = [yaml.safe_load(text) for text in re.findall(r"^`(\w+: \{.*\})`", TEXT, re.M)]
    for config in inline:
        if "scores" in config:
            check_systems(config["scores"], BACKEND)
        else:
            metrics_of(config["metrics"]["measures"], [0.01])
    assert len(inline) == 2


def test_its_tables_name_what_is_there():
    assert rows("system") == list(CHAINS)
    assert sorted(rows("step")) == STEPS.names()
    assert sorted(rows("quality measure")) == MEASURES.names()
    assert rows("metric") and set(rows("metric")) == set(METRICS.names())


def test_its_table_of_steps_has_their_kinds_and_options():
    kinds = {"transform": Transform, "model": Model, "join": Join, "scores": ScoreStep}
    lines = re.findall(r"^\| `(\w+)` \| (\w+) \| (.*?) ?\| .*\|$", TEXT, re.M)
    assert len(lines) == len(STEPS.names())
    for name, kind, options in lines:
        cls = STEPS.find(name)
        assert issubclass(cls, kinds[kind]), name
        if "the same" not in options:
            fields = {field.name for field in dataclasses.fields(cls.Config)}
            assert set(re.findall(r"`(\w+)`", options)) == fields, name


def test_its_step_scales_vectors(examples, tmp_path):
    (tmp_path / "x.txt").write_text("a [ 3 4 ]\n")
    tables = [f"ark:{tmp_path}/x.txt", f"ark:{tmp_path}/y.ark"]
    run_step.main(["--step", '{"name": "unit_length", "length": 10}', "write_scaled", *tables])
    with SequentialReader(tables[1], FLOAT_VECTOR) as reader:
        ((_, y_D),) = reader
    np.testing.assert_allclose(y_D, [6, 8], rtol=1e-6)


def test_its_metric_by_hand(examples):
    (metric,) = metrics_of([{"weighted_error": {"miss_weight": 0.25}}], [0.01])
    # above 1: one of two targets is missed, one of four nontargets passes
    scores, labels = [0.5, 2.0, 0.0, 0.0, 1.0, 3.0], [True] * 2 + [False] * 4
    (value,) = metric.compute(SortedTrials(scores, labels).once())
    assert metric.text(value) == "25.00"  # above 3: 0.25 * 1 + 0; else 0.125 + 0.1875
