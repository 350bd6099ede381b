"""What only Slurm does: arrays, requeued jobs, limits of a partition."""

import re
import subprocess

import pytest

from tests.real_clusters.runs import Run, small_table, wait_until
from tests.real_clusters.slurm import command

pytestmark = pytest.mark.parametrize("scheduler", ["slurm"], indirect=True)


def test_equal_jobs_are_one_array_and_each_task_is_judged_by_itself(scheduler, tmp_path):
    names = [f"waits.{number}" for number in range(5)]
    run = Run(scheduler, tmp_path / "run", *[f"out/{name}" for name in names])
    jobs = [run.wait_for_attempt(name)[0] for name in names]
    tasks = re.findall(r"is Slurm job (\d+)_(\d)", run.said())
    assert len({array for array, _ in tasks}) == 1
    assert sorted(task for _, task in tasks) == list("12345")
    scheduler.cancel(jobs[2])
    run.wait_for_attempt(names[2], 2)
    (run.folder / "go").touch()
    assert run.end() == 0, run.said()
    assert [len(run.attempts(name)) for name in names] == [1, 1, 2, 1, 1]


def test_more_ready_jobs_than_may_run_at_once_are_all_run(scheduler, tmp_path):
    names = [f"waits.{number}" for number in range(5)]
    targets = [f"out/{name}" for name in names]
    run = Run(scheduler, tmp_path / "run", *targets, options=["--jobs", "2"])
    (run.folder / "go").touch()
    assert run.end() == 0, run.said()
    assert [len(run.attempts(name)) for name in names] == [1] * 5


def test_a_job_that_slurm_puts_back_into_the_queue_is_the_same_job(scheduler, tmp_path):
    run = Run(scheduler, tmp_path / "run", "out/waits.1")
    job, _ = run.wait_for_attempt("waits.1")
    command("scontrol", "requeue", job)
    wait_until(lambda: started(run, job), "the requeued job at work", run)
    assert [number for number, _ in run.attempts("waits.1")] == [job, job]
    (run.folder / "go").touch()
    assert run.end() == 0, run.said()
    assert not re.search(r"Error in rule|restart", run.said())
    assert not (run.folder / "twice_at_once").exists()


def started(run, job):
    """Slurm delays a requeued job by two minutes, unless its start time is changed."""
    later = ["scontrol", "update", f"job={job}", "starttime=now"]
    subprocess.run(later, capture_output=True)
    return len(run.attempts("waits.1")) == 2


def test_a_job_that_can_never_start_is_spoken_of_and_waited_for(scheduler, tmp_path):
    table = small_table(scheduler)
    table["rules"]["waits"] = {"slurm": {"partition": "short"}}  # 5 minutes at most
    run = Run(scheduler, tmp_path / "run", "out/waits.1", table=table)
    said = run.wait_for_word(r"Slurm job (\d+) \(waits\S*\) may never start, PartitionTimeLimit: ")
    assert "max_runtime_min in cluster.yaml" in run.said()
    command("scontrol", "update", f"job={said[1]}", "timelimit=2")
    (run.folder / "go").touch()
    assert run.end() == 0, run.said()
