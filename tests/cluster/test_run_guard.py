"""A killed run leaves neither lock nor orphan in the way; a living one is left alone."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from steps_py.cluster.run_guard import NAME, find_jobs, run_name

ROOT = Path(__file__).parents[2]
HOLD = "import sys, time; from steps_py.cluster.run_guard import guard_run;"
HOLD += "print(guard_run(sys.argv[1], ['snakemake', *sys.argv[2:]]), flush=True);"


def start(folder, *options, then="time.sleep(60)"):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD + then, str(folder), *options],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    return process, process.stdout.readline().strip()


def stop(process):
    process.kill()
    process.communicate()


@pytest.fixture
def locked(tmp_path):
    """A folder with the lock file that a killed Snakemake leaves."""
    lock = tmp_path / ".snakemake/locks/0.output.lock"
    lock.parent.mkdir(parents=True)
    lock.write_text("out.txt\n")
    return tmp_path, lock


def test_a_stale_lock_is_removed(locked):
    folder, lock = locked
    process, taken = start(folder)
    stop(process)
    assert taken == "True"
    assert not lock.exists()


def test_the_lock_of_a_living_run_stays(locked):
    folder, lock = locked
    first, _ = start(folder)
    lock.write_text("out.txt\n")
    second, taken = start(folder)
    stop(second)
    stop(first)
    assert taken == "False"
    assert lock.exists()


@pytest.mark.parametrize("option", ["-n", "-np", "--dry-run", "--list-rules", "--unlock"])
def test_a_command_that_only_plans_touches_nothing(locked, option):
    folder, lock = locked
    process, taken = start(folder, option)
    stop(process)
    assert taken == "False"
    assert lock.exists()


def test_the_jobs_of_a_killed_run_are_ended_and_others_live(locked, tmp_path):
    folder, _ = locked
    environment = {**os.environ, NAME: run_name(folder)}
    orphan = subprocess.Popen(["sleep", "60"], env=environment, start_new_session=True)
    other = subprocess.Popen(["sleep", "60"], env={**environment, NAME: run_name("/elsewhere")})
    deadline = time.monotonic() + 10
    while orphan.pid not in find_jobs(run_name(folder)) and time.monotonic() < deadline:
        time.sleep(0.01)
    process, taken = start(folder)
    stop(process)
    assert taken == "True"
    assert orphan.wait(timeout=10) == -signal.SIGKILL
    assert other.poll() is None
    stop(other)


@pytest.mark.parametrize("option, asked", [("-R", "1"), ("--forceall", "1"), ("--until", "None")])
def test_that_the_user_asks_for_jobs_again_is_passed_on(tmp_path, option, asked):
    tell = "import os; print(os.environ.get('SIDEWINDER_FRESH'), flush=True); time.sleep(60)"
    process, _ = start(tmp_path, option, "make_feats", then=tell)
    assert process.stdout.readline().strip() == asked
    stop(process)
