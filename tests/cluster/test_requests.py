"""cluster.yaml: one table, and a misspelt rule or key is an error."""

from pathlib import Path

import pytest

from steps_py.cluster.requests import Cluster
from steps_py.errors import ConfigError

ROOT = Path(__file__).parents[2]


def cluster(tmp_path, *texts):
    paths = [tmp_path / f"{number}.yaml" for number in range(len(texts))]
    for path, text in zip(paths, texts, strict=True):
        path.write_text(text)
    return Cluster(*paths)


def test_memory_and_time_grow_with_each_attempt_and_gpus_do_not(tmp_path):
    asked = cluster(tmp_path, "rules: {train_model: {mem_mb: 1000, runtime_min: 30, gpu: 2}}")
    resources = asked.resources("train_model")
    assert [resources["mem_mb"](None, attempt) for attempt in (1, 2, 3)] == [1000, 2000, 3000]
    assert resources["runtime"](None, 2) == 60
    assert resources["gpu"] == 2


def test_they_grow_no_further_than_the_site_allows(tmp_path):
    text = "default: {mem_mb: 1000, runtime_min: 60, max_mem_mb: 2500, max_runtime_min: 60}"
    resources = cluster(tmp_path, text).resources("make_feats")
    assert [resources["mem_mb"](None, attempt) for attempt in (1, 2, 3)] == [1000, 2000, 2500]
    assert resources["runtime"](None, 3) == 60


def test_a_scheduler_s_settings_are_resources_that_bear_its_name(tmp_path):
    text = """
default: {sge: {queue: all.q, memory: h_vmem}, slurm: {partition: main, account: lab}}
rules: {train_model: {sge: {queue: gpu.q, gpu: null}, slurm: {partition: gpu}}}
"""
    asked = cluster(tmp_path, text)
    named = {key: value for key, value in asked.resources("train_model").items() if "_" in key}
    del named["mem_mb"]
    assert named == {
        "sge_queue": "gpu.q",
        "sge_memory": "h_vmem",
        "sge_gpu": "none",
        "slurm_partition": "gpu",
        "slurm_account": "lab",
    }
    assert asked.resources("make_feats")["slurm_partition"] == "main"


def test_a_recipe_s_table_lies_over_the_site_s_and_leaves_its_queues(tmp_path):
    site = "rules: {train_model: {mem_mb: 32000, threads: 8, sge: {queue: gpu.q}}}"
    recipe = "{default: {mem_mb: 500}, rules: {train_model: {threads: 2, sge: {pe: mpi}}}}"
    asked = cluster(tmp_path, site, recipe).request("train_model")
    assert (asked.mem_mb, asked.threads) == (500, 2)
    assert (asked.sge.queue, asked.sge.pe) == ("gpu.q", "mpi")


@pytest.mark.parametrize(
    "text, words",
    [
        ("rules: {a: {mem: 1}}", r"unknown key 'rules\.a\.mem'. Did you mean 'mem_mb'"),
        ("defaults: {}", "unknown key 'defaults'. Did you mean 'default'"),
        (
            "default: {threads: 0}",
            r"'default\.threads': 0 is less than the minimum of 1",
        ),
        ("rules: {a: {mem_mb: 2G}}", r"'rules\.a\.mem_mb' is '2G'; it must be a whole number"),
        ("default: {sge: {que: x}}", r"unknown key 'default\.sge\.que'. Did you mean 'queue'"),
        (
            "rules: {a: {slurm: {partition: 3}}}",
            r"'rules\.a\.slurm\.partition' is 3; it must be text or nothing",
        ),
        ("default: {slurm: {nice: much}}", "nice' is 'much'; it must be a whole number or nothing"),
        ("default: {slurm: {extra: -Jmine}}", "has -J, which the run sets itself"),
        ("default: {slurm: {extra: --array=1-9}}", "has --array, which the run sets itself"),
        ("default: {sge: {extra: -t 1-9}}", "has -t, which the run sets itself"),
        ('default: {sge: {extra: "-l \'a"}}', "is not a list of shell words"),
        ("default: {sge: all.q}", r"'default\.sge' is 'all.q'; it must be a section of keys"),
        ("rules: [a]", r"'rules' is \['a'\]; it must be a section of keys"),
        ("default: {sge: {pe: null}}", r"'default\.sge\.pe' is None; it must be text"),
        ("default: {", "not YAML"),
        ("[a]", "expected the sections default and rules"),
    ],
)
def test_faults_are_named_with_their_cure(tmp_path, text, words):
    with pytest.raises(ConfigError, match=words) as caught:
        cluster(tmp_path, text)
    assert "\n" not in str(caught.value)


def test_all_faults_of_a_file_are_listed(tmp_path):
    with pytest.raises(ConfigError) as caught:
        cluster(tmp_path, "default: {gpu: -1}\nrules: {a: {mem: 1, slurm: {nice: x}}}")
    assert len(str(caught.value).splitlines()) == 3
    assert all(line.startswith(f"{tmp_path}/0.yaml: ") for line in str(caught.value).splitlines())


def test_an_empty_section_is_no_fault(tmp_path):
    text = "default:\nrules: {train_model: }"
    assert cluster(tmp_path, text).request("train_model").mem_mb == 2000


def test_a_table_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        Cluster(tmp_path / "cluster.yaml")


def test_a_rule_that_does_not_exist_is_an_error(tmp_path):
    asked = cluster(tmp_path, "rules: {make_feats: {}}", "rules: {train_modle: {gpu: 1}}")
    with pytest.raises(ConfigError, match="unknown rule 'train_modle'. Did you mean 'train_model'"):
        asked.check_rules(name for name in ["make_feats", "train_model"])


def test_the_project_s_own_tables_are_read():
    own = Cluster(ROOT / "cluster.yaml")
    assert own.request("train_model").gpu == 1
    assert own.request("make_feats").threads == 1
    assert (
        Cluster(ROOT / "cluster.yaml", ROOT / "egs/mini/cluster.yaml").request("train_model").gpu
        == 0
    )
