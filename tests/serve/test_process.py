"""The server as a program: kill -9 loses no enrolment that was answered, SIGTERM ends it."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.serve.conftest import ask

ROOT = Path(__file__).parents[2]


@pytest.fixture
def started(served_system, tmp_path):
    """Starts the program: (process, its port)."""
    processes = []

    def start():
        command = [sys.executable, "-m", "steps_py.sidewinder", "serve", served_system.path]
        command += ["--port=0", f"--gallery={tmp_path}/people.sqlite", "--threads=1"]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        processes.append(process)
        line = process.stdout.readline()
        assert "no key; people in" in line
        return process, int(line.partition("http://127.0.0.1:")[2].partition(",")[0])

    yield start
    for process in processes:
        process.kill()
        process.wait()


@pytest.mark.slow
def test_kill_9_loses_no_enrolment_that_was_answered_and_sigterm_ends_it(started, sounds):
    headers = {"Content-Type": "audio/wav"}
    process, port = started()
    for name in ("anna", "ben"):
        assert ask(port, "POST", f"/enrol?name={name}", sounds[0], headers)[0] == 200
    process.kill()
    process.wait()
    process, port = started()
    assert [person["name"] for person in ask(port, "GET", "/people")[1]] == ["anna", "ben"]
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
