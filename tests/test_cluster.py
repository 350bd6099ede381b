"""cluster.yaml: one table, and a misspelt rule or key is an error."""

from pathlib import Path

import pytest

from steps_py.cluster import Cluster
from steps_py.errors import ConfigError


def cluster(tmp_path, text):
    path = tmp_path / "cluster.yaml"
    path.write_text(text)
    return Cluster(path)


def test_memory_and_time_grow_with_each_attempt_and_gpus_do_not(tmp_path):
    asked = cluster(tmp_path, "rules: {train_model: {mem_mb: 1000, runtime_min: 30, gpu: 2}}")
    resources = asked.resources("train_model")
    assert [resources["mem_mb"](None, attempt) for attempt in (1, 2, 3)] == [1000, 2000, 3000]
    assert resources["runtime"](None, 2) == 60
    assert resources["gpu"] == 2


@pytest.mark.parametrize(
    "text, words",
    [
        ("rules: {a: {mem: 1}}", r"unknown rules\.a key 'mem'. Did you mean 'mem_mb'"),
        ("defaults: {}", "unknown section 'defaults'. Did you mean 'default'"),
        (
            "default: {threads: 0}",
            r"default\.threads is 0; it must be a whole number of at least 1",
        ),
        ("rules: {a: {mem_mb: 2G}}", r"rules\.a\.mem_mb is '2G'"),
    ],
)
def test_faults_are_named_with_their_cure(tmp_path, text, words):
    with pytest.raises(ConfigError, match=words):
        cluster(tmp_path, text)


def test_a_rule_that_does_not_exist_is_an_error(tmp_path):
    asked = cluster(tmp_path, "rules: {train_modle: {gpu: 1}}")
    with pytest.raises(ConfigError, match="unknown rule 'train_modle'. Did you mean 'train_model'"):
        asked.check_rules(["make_feats", "train_model"])


def test_the_project_s_own_table_is_read():
    own = Cluster(Path(__file__).parents[1] / "cluster.yaml")
    assert own.request("train_model").gpu == 1
    assert own.request("make_feats").threads == 1
