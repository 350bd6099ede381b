"""A refusal of qsub or sbatch is followed by the keys of cluster.yaml that it is about."""

import pytest

from steps_py.cluster.refusals import KEYS, remedy
from steps_py.cluster.requests import Cluster
from steps_py.cluster.schedulers import SCHEDULERS

REJECTED = "Unable to run job: job rejected: the requested"
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
def test_a_refusal_of_sbatch_names_its_key(message, key):
    line = remedy("slurm", message, ["train_model"])
    assert key in line and "rules.train_model or default" in line


@pytest.mark.parametrize(
    "message, key",
    [
        (f'{REJECTED} project "nope" does not exist', "sge.project"),
        (f'{REJECTED} parallel environment "nope" does not exist', "sge.pe"),
        ('Unable to run job: Job was rejected because job requests unknown queue "x"', "sge.queue"),
        ('Unable to run job: unknown resource "nope"', "sge.resources"),
        ('Unable to run job: attribute "h_rt" is not a time value', "sge.time"),
        ("Unable to run job: error: no suitable queues", "mem_mb"),
        ('qsub: invalid priority "5000". Must be an integer from -1023 to 1024', "sge.priority"),
        ("qsub: invalid jobshare, must be an unsigned integer", "sge.job_share"),
        ("Unable to run job: Slash ('/') not allowed in objectname", "sge.account"),
        ('qsub: Wrong context list format -ac "=3"', "sge.context"),
        ('qsub: Wrong mail options list format "zz" specified to -m option', "sge.mail_type"),
        ('qsub: invalid option argument "-zzz"', "sge.extra"),
    ],
)
def test_a_refusal_of_qsub_names_its_key(message, key):
    line = remedy("sge", message, ["train_model"])
    assert key in line and "rules.train_model or default" in line


@pytest.mark.parametrize("scheduler", KEYS)
def test_a_refusal_of_another_kind_names_no_key(scheduler):
    assert remedy(scheduler, "error: the site is closed on Sundays", ["train_model"]) == ""


@pytest.mark.parametrize("scheduler", KEYS)
def test_every_named_key_exists(scheduler, tmp_path):
    (tmp_path / "cluster.yaml").write_text("{}")
    request = Cluster(tmp_path / "cluster.yaml").request("train_model")
    for key in {key for keys in KEYS[scheduler].values() for key in keys}:
        section, _, name = key.rpartition(".")
        assert section in ("", scheduler)
        assert hasattr(SCHEDULERS[scheduler]() if section else request, name), key
