"""A refusal of sbatch is followed by the keys of cluster.yaml that it is about."""

import pytest

from steps_py.cluster.requests import Cluster
from steps_py.cluster.schedulers import Slurm
from steps_py.cluster.slurm.refusals import KEYS, remedy

FAILED = "sbatch: Batch job submission failed: "


@pytest.mark.parametrize(
    "message, key",
    [
        (f"{FAILED}Requested node configuration is not available", "mem_mb"),
        (f"{FAILED}Requested node configuration is not available", "slurm.constraint"),
        ("sbatch: invalid partition specified: gpux; Batch job submission failed", "partition"),
        (f"{FAILED}Invalid partition name specified", "slurm.partition"),
        (f"{FAILED}Invalid account or account/partition combination specified", "slurm.account"),
        (f"{FAILED}Invalid qos specification", "slurm.qos"),
        (f"{FAILED}Invalid feature specification", "slurm.constraint"),
        (f"{FAILED}Requested time limit is invalid (missing or exceeds some limit)", "runtime_min"),
        (f"{FAILED}Memory specification can not be satisfied", "mem_mb"),
        (f"{FAILED}Invalid generic resource (gres) specification", "slurm.gres"),
        (f"{FAILED}Requested reservation is invalid", "slurm.reservation"),
        (f"{FAILED}Invalid node name specified", "slurm.nodelist"),
        (f"{FAILED}Invalid license specification", "slurm.licenses"),
        ("sbatch: unrecognized option '--exclusiv'", "slurm.extra"),
    ],
)
def test_a_refusal_names_its_key(message, key):
    line = remedy(message, ["train_model"])
    assert key in line and "rules.train_model or default" in line


def test_a_refusal_of_another_kind_names_no_key():
    assert remedy("sbatch: error: the site is closed on Sundays", ["train_model"]) == ""


def test_every_named_key_exists(tmp_path):
    (tmp_path / "cluster.yaml").write_text("{}")
    request = Cluster(tmp_path / "cluster.yaml").request("train_model")
    for key in {key for keys in KEYS.values() for key in keys}:
        section, _, name = key.rpartition(".")
        assert hasattr(Slurm() if section == "slurm" else request, name), key
