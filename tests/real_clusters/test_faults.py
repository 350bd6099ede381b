"""What clusters do to jobs and to those who watch them, on a real scheduler; docs/cluster.md
has the table. One run meets the faults of single jobs together; the others are of the controller
and of the scheduler itself."""

import os
import re
import signal
import subprocess
import time

import pytest

from tests.real_clusters.runs import Run, wait_until

MENDED = ["cancelled", "process_killed", "shell_killed", "walltime", "memory", "fails_once"]
UNDISTURBED = ["held", "late_output", "waits.1"]
FATAL = ["always_fails", "full_disk", "group_fails"]
NEVER_RUN = ["refused", "unstartable"]


@pytest.fixture(scope="module")
def disturbed(scheduler, tmp_path_factory):
    """A finished, failed run in which every job has the fault of its name."""
    folder = tmp_path_factory.mktemp("faults") / f"with {scheduler.name}"
    faults = [*MENDED, *UNDISTURBED, *FATAL, *NEVER_RUN]
    faults = [name for name in faults if scheduler.has(name)]
    run = Run(scheduler, folder, *[f"out/{name}" for name in faults])
    (folder / "go").touch()
    scheduler.cancel(run.wait_for_attempt("cancelled")[0])
    _, pid = run.wait_for_attempt("process_killed")
    os.kill(wait_until(lambda: child_of(pid), "the rule's process", run), signal.SIGKILL)
    _, pid = run.wait_for_attempt("shell_killed")
    os.kill(scheduler.first_shell(pid), signal.SIGKILL)
    if scheduler.has("held"):
        run.wait_for_word(scheduler.says["held"])
        held = [job for job in scheduler.jobs() if scheduler.is_held(job)]
        assert len(held) == 1
        scheduler.release(held[0])
    assert run.end() == 1
    return run


def child_of(pid):
    """A process that the rule's shell waits for."""
    listed = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True)
    return int(listed.stdout.split()[0]) if listed.stdout else None


def need(scheduler, fault):
    if not scheduler.has(fault):
        pytest.skip(f"{scheduler.name} has no such state")


def gone(job, scheduler):
    return wait_until(lambda: job not in scheduler.jobs(), f"the end of job {job}")


@pytest.mark.parametrize("fault", MENDED)
def test_a_disturbed_job_runs_again_and_the_reason_is_reported(disturbed, scheduler, fault):
    assert (disturbed.folder / "out" / fault).read_text() == "done\n"
    assert len(disturbed.attempts(fault)) == 2
    if fault in scheduler.says:
        assert re.search(scheduler.says[fault], disturbed.said())


@pytest.mark.parametrize("fault", UNDISTURBED)
def test_what_only_takes_long_fails_nothing(disturbed, scheduler, fault):
    need(scheduler, fault)
    assert (disturbed.folder / "out" / fault).read_text() == "done\n"
    assert len(disturbed.attempts(fault)) == 1


@pytest.mark.parametrize(
    "fault, reason",
    [
        ("always_fails", "the reason"),
        ("full_disk", "No space left on device"),
        ("group_fails", "no such group"),
    ],
)
def test_a_permanent_failure_is_retried_by_the_number_in_the_profile(disturbed, fault, reason):
    assert not (disturbed.folder / "out" / fault).exists()
    assert len(disturbed.attempts(fault)) == 2
    last_words = disturbed.said()[-4000:]
    assert re.search(rf"^{fault}: .*{reason} \(log: logs/{fault}.log\)$", last_words, re.M)


@pytest.mark.parametrize("fault", NEVER_RUN)
def test_a_refusal_of_the_scheduler_is_reported_with_its_message(disturbed, scheduler, fault):
    need(scheduler, fault)
    assert disturbed.attempts(fault) == []
    assert not (disturbed.folder / "out" / fault).exists()
    assert re.search(scheduler.says[fault], disturbed.said()[-4000:])


def test_no_two_attempts_at_a_file_ran_at_once(disturbed, scheduler):
    assert not (disturbed.folder / "twice_at_once").exists()


def test_the_scheduler_s_log_of_a_failed_job_is_named_and_there(disturbed, scheduler):
    job, _ = disturbed.attempts("always_fails")[1]
    named = set(re.findall(r"logs/\S+?\.log", disturbed.said()[-4000:]))
    logs = [disturbed.folder / path for path in named if path.startswith(f"logs/{scheduler.name}/")]
    of_this_job = [log for log in logs if job in log.name]
    assert of_this_job
    assert "always_fails" in of_this_job[0].read_text()


def test_a_scheduler_that_is_down_for_a_while_fails_nothing(scheduler, tmp_path):
    run = Run(scheduler, tmp_path / "run", "out/follows", "out/waits.2")
    run.wait_for_attempt("waits.1")
    run.wait_for_attempt("waits.2")
    scheduler.pause()
    try:
        (run.folder / "go").touch()  # these end meanwhile, and the next is to be submitted
        run.wait_for_word(scheduler.says["silent"])
        (run.folder / "go_on").touch()
    finally:
        scheduler.resume()
    assert run.end() == 0, run.said()
    assert [len(run.attempts(name)) for name in ("waits.1", "waits.2", "follows")] == [1, 1, 1]


@pytest.mark.parametrize("end_it", [Run.interrupt, Run.terminate])
def test_ctrl_c_and_sigterm_cancel_all_jobs_and_a_training_is_saved(scheduler, tmp_path, end_it):
    names = ["trains", *(f"waits.{number}" for number in range(4))]
    run = Run(scheduler, tmp_path / "run", *[f"out/{name}" for name in names])
    jobs = [run.wait_for_attempt(name)[0] for name in names]
    wait_until(lambda: child_of(run.attempts("trains")[0][1]), "the training at work", run)
    time.sleep(2)  # it sets its handler
    end_it(run)
    assert run.end() != 0
    for job in jobs:
        gone(job, scheduler)
    assert not (run.folder / "out").exists() or not os.listdir(run.folder / "out")
    assert (run.folder / "saved").exists()


def test_a_recipe_s_folder_may_have_any_name(scheduler, tmp_path):
    folder = tmp_path / """it's $HOME `id` "{x}" %j"""
    run = Run(scheduler, folder, "out/waits.1", "out/always_fails")
    (folder / "go").touch()
    assert run.end() == 1
    assert (folder / "out/waits.1").read_text() == "done\n"
    assert re.search(
        r"^always_fails: .*the reason \(log: logs/always_fails.log\)$", run.said(), re.M
    )


def test_after_a_kill_of_the_controller_a_job_never_runs_twice_at_once(scheduler, tmp_path):
    """Taken over where the profile can do it, else ended first and then made again."""
    first = Run(scheduler, tmp_path / "run", "out/waits.1", "out/waits.2")
    jobs = {first.wait_for_attempt(f"waits.{number}")[0] for number in (1, 2)}
    first.kill()
    again = Run(scheduler, first.folder, "out/waits.1", "out/waits.2")
    if scheduler.says["taken_over"]:
        again.wait_for_word(rf"(?s){scheduler.says['taken_over']}.*{scheduler.says['taken_over']}")
        assert set(re.findall(scheduler.says["taken_over"], again.said())) == jobs
    else:
        again.wait_for_attempt("waits.1", 2)
        again.wait_for_attempt("waits.2", 2)
    (again.folder / "go").touch()
    assert again.end() == 0, again.said()
    expected = 1 if scheduler.says["taken_over"] else 2
    assert len(again.attempts("waits.1")) == len(again.attempts("waits.2")) == expected
    assert not (again.folder / "twice_at_once").exists()


def test_a_job_that_ended_without_a_controller_is_not_run_again(scheduler, tmp_path):
    if not scheduler.says["taken_over"]:
        pytest.skip("this profile makes it again")
    first = Run(scheduler, tmp_path / "run", "out/waits.1")
    job, _ = first.wait_for_attempt("waits.1")
    first.kill()
    (first.folder / "go").touch()
    gone(job, scheduler)
    again = Run(scheduler, first.folder, "out/waits.1")
    assert again.end() == 0, again.said()
    assert len(again.attempts("waits.1")) == 1


def test_a_job_whose_rule_has_changed_meanwhile_is_replaced(scheduler, tmp_path):
    first = Run(scheduler, tmp_path / "run", "out/follows", options=["--config", "word=old"])
    (first.folder / "go").touch()
    job, _ = first.wait_for_attempt("follows")
    first.kill()
    again = Run(scheduler, first.folder, "out/follows", options=["--config", "word=new"])
    again.wait_for_word(scheduler.says["replaced"])
    other, _ = again.wait_for_attempt("follows", 2)
    assert other != job
    (again.folder / "go_on").touch()
    assert again.end() == 0, again.said()
    assert (again.folder / "out/follows").read_text() == "new\n"
    assert not (again.folder / "twice_at_once").exists()


def test_a_local_run_first_ends_the_jobs_of_a_killed_one(scheduler, tmp_path):
    first = Run(scheduler, tmp_path / "run", "out/waits.1")
    job, _ = first.wait_for_attempt("waits.1")
    first.kill()
    again = Run(scheduler, first.folder, "out/waits.1", local=True)
    again.wait_for_attempt("waits.1", 2)
    assert job not in scheduler.jobs()
    (again.folder / "go").touch()
    assert again.end() == 0, again.said()
    assert not (again.folder / "twice_at_once").exists()


def test_a_misspelt_rule_in_cluster_yaml_stops_before_the_first_job(scheduler, tmp_path):
    table = {"rules": {"always_fail": {"mem_mb": 100}}}
    run = Run(scheduler, tmp_path / "run", "out/waits.1", table=table)
    assert run.end() == 1
    assert "unknown rule 'always_fail'. Did you mean 'always_fails'?" in run.said()
    assert "Traceback" not in run.said()
    assert run.attempts("waits.1") == []
