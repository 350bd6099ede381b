"""Slurm's commands, played by scripts: silence is no answer, and orphans end before a new run."""

import stat

import pytest

from steps_py.cluster.slurm import client, orphans
from steps_py.errors import ClusterError


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    """Put a command of Slurm on PATH that runs these lines of shell."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")

    def play(name, lines):
        script = folder / name
        script.write_text(f"#!/bin/sh\n{lines}\n")
        script.chmod(script.stat().st_mode | stat.S_IXUSR)

    return play


DOWN = (
    "echo 'slurm_load_jobs error: Unable to contact slurm controller (connect failure)' >&2; exit 1"
)


def test_a_scheduler_that_is_down_is_silent_and_an_error_is_a_refusal(slurm):
    slurm("sbatch", DOWN)
    with pytest.raises(client.SlurmSilent, match="Unable to contact"):
        client.run("sbatch")
    slurm("sbatch", "echo 'sbatch: error: invalid partition specified: x' >&2; exit 1")
    with pytest.raises(client.SlurmRefused, match="^sbatch: invalid partition specified: x$"):
        client.run("sbatch")


def test_a_scheduler_that_hangs_is_silent(slurm):
    slurm("squeue", "exec sleep 60")
    with pytest.raises(client.SlurmSilent, match="timed out"):
        client.run("squeue", timeout_sec=0.2)


def test_a_failing_squeue_decides_nothing_about_jobs(slurm):
    slurm("squeue", "echo 'squeue: error: some new fault' >&2; exit 1")
    with pytest.raises(client.SlurmSilent):
        client.jobs_named("sidewinder")


REFUSES = "echo 'squeue: error: Invalid user: 1000' >&2; exit 1"


def test_all_jobs_are_listed_if_squeue_has_no_such_user(slurm):
    slurm("squeue", f"case $* in *--user*|*--me*) {REFUSES};; esac; echo '7|RUNNING|None|a-1|c'")
    assert [job.id for job in client.jobs_named("a")] == ["7"]


def test_where_squeue_refuses_scontrol_lists_the_jobs(slurm):
    slurm("squeue", REFUSES)
    slurm("scontrol", "echo 'JobId=7 JobName=a-1 UserId=(1000) JobState=RUNNING Reason=None'")
    (job,) = client.jobs_named("a")
    assert (job.id, job.live) == ("7", True)
    slurm("scontrol", "echo 'No jobs in the system'")
    assert client.jobs_named("a") == []


def test_where_both_refuse_nothing_is_known_about_any_job(slurm):
    slurm("squeue", REFUSES)
    slurm("scontrol", "echo 'see https://wiki/slurm'")
    with pytest.raises(client.SlurmBlind, match="Invalid user: 1000"):
        client.jobs_named("a")


def test_jobs_are_distinguished_by_name_and_array_tasks_by_their_id(slurm):
    slurm(
        "squeue",
        "echo '7_1|RUNNING|None|sidewinder-a-1|rule_make_feats 0a'\n"
        "echo '7_2|PENDING|Resources|sidewinder-a-1|rule_make_feats 0a'\n"
        "echo '8|RUNNING|None|interactive|(null)'",
    )
    assert [job.id for job in client.jobs_named("sidewinder-a")] == ["7_1", "7_2"]


def test_a_site_without_accounting_has_no_states(slurm):
    slurm("sacct", "echo 'Slurm accounting storage is disabled' >&2; exit 1")
    assert client.sacct_states(["7"]) == {}
    slurm("sacct", "echo '7_1|CANCELLED by 1000'; echo '7_2|COMPLETED'")
    assert client.sacct_states(["7_1", "7_2"]) == {"7_1": "CANCELLED", "7_2": "COMPLETED"}


def test_without_a_killed_run_slurm_is_not_queried(slurm, tmp_path):
    slurm("squeue", "exit 1")
    orphans.end_orphans(tmp_path)


def test_jobs_of_a_killed_run_are_cancelled_and_waited_for(slurm, tmp_path, capsys):
    name, calls = orphans.recipe_name(tmp_path), tmp_path / "calls"
    slurm(
        "squeue",
        f"echo squeue >> {calls}; [ $(grep -c squeue {calls}) -gt 3 ]"
        f" || echo '7|COMPLETING|None|{name}-1|c'; echo '9|RUNNING|None|other|c'",
    )
    slurm("scancel", f"echo scancel $* >> {calls}")
    orphans.mark(tmp_path)
    orphans.end_orphans(tmp_path, pause_sec=0)
    assert calls.read_text().split("\n")[:3] == ["squeue", "scancel 7", "squeue"]
    assert "Slurm job 7 of an earlier run: cancelled" in capsys.readouterr().err
    assert not (tmp_path / orphans.MARK).exists()


def test_nothing_starts_while_it_is_unknown_whether_old_jobs_run(slurm, tmp_path):
    slurm("squeue", DOWN)
    orphans.mark(tmp_path)
    with pytest.raises(ClusterError, match=r"squeue answers.*delete \.snakemake/slurm_jobs"):
        orphans.end_orphans(tmp_path, patience_sec=0, pause_sec=0)
    assert (tmp_path / orphans.MARK).exists()


def test_two_recipes_do_not_share_a_name(tmp_path):
    assert orphans.recipe_name(tmp_path) != orphans.recipe_name(tmp_path / "other")
    assert orphans.recipe_name(tmp_path) == orphans.recipe_name(tmp_path / "other" / "..")
