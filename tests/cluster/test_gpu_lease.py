"""Two jobs never share a card by accident: real processes, killed, on a faked nvidia-smi."""

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from steps_py.cluster import gpu_lease
from steps_py.errors import ConfigError, StepsError

ROOT = Path(__file__).parents[2]
LEASE = [sys.executable, "-m", "steps_py.cluster.gpu_lease"]
TWO = "GPU 0: NVIDIA A (UUID: GPU-aaa)\nGPU 1: NVIDIA A (UUID: GPU-bbb)\n"
PATIENCE_SEC = 300  # never reached unless something is wrong
NAMED = ("SGE_GPU", "CUDA_VISIBLE_DEVICES", gpu_lease.LEASED)
# Says which cards it sees, and stays until it is killed or its input ends.
SHOW = 'echo "$CUDA_VISIBLE_DEVICES"; exec cat >/dev/null'


@pytest.fixture
def host(tmp_path, monkeypatch):
    """A host: set its cards by writing ``cards``; lock files lie in ``locks``."""
    program = tmp_path / "bin/nvidia-smi"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\n[ "$1" = -L ] && cat "{tmp_path}/cards"\n')
    program.chmod(0o755)
    (tmp_path / "cards").write_text(TWO)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv(gpu_lease.FOLDER_VARIABLE, str(tmp_path / "locks"))
    for name in NAMED:
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def start():
    """Starts leases of `gpus` GPUs; their processes end with the test."""
    started = []

    def start(gpus=1, *options, script=SHOW):
        command = [
            *LEASE,
            "--gpus",
            str(gpus),
            *options,
        ]
        process = subprocess.Popen(
            [*command, "--", "sh", "-c", script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait(PATIENCE_SEC)
        for pipe in (process.stdin, process.stdout, process.stderr):
            pipe.close()


def seen(process):
    """The cards that a started lease shows; waits for as long as it waits."""
    return process.stdout.readline().strip()


def refused(process):
    """The message of a lease that fails."""
    _, said = process.communicate(timeout=PATIENCE_SEC)
    assert process.returncode == 1
    return said


def take(gpus, wait_sec=0.0):
    """A lease in this process; close the files to end it."""
    return gpu_lease.lease(gpus, os.environ, wait_sec, say=lambda message: None)


def test_two_jobs_get_a_gpu_each_and_the_third_reports_the_holders(host, start):
    first, second = start(), start()
    assert {seen(first), seen(second)} == {"GPU-aaa", "GPU-bbb"}
    said = refused(start(1, "--wait-sec", "0"))
    assert said.count("\n") == 1
    assert "1 of 2 GPUs are requested, but not free" in said
    assert f"GPU-aaa is locked by pid {first.pid} of" in said or f"pid {second.pid} of" in said
    assert " since 20" in said


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, None])
def test_a_card_is_free_again_however_its_job_ended(host, start, how):
    (host / "cards").write_text(TWO.splitlines()[0])
    first = start()
    assert seen(first) == "GPU-aaa"
    waiting = start()
    assert "waiting" in waiting.stderr.readline()
    if how is None:
        first.stdin.close()
    else:
        first.send_signal(how)
    assert seen(waiting) == "GPU-aaa"


def test_a_card_stays_taken_while_a_child_of_the_killed_job_lives(host, start):
    (host / "cards").write_text(TWO.splitlines()[0])
    # the child prints its pid, holds the GPU, and outlives its parent
    parent = start(script='sleep 100000 & echo "$!"; wait')
    child = int(seen(parent))
    parent.kill()
    parent.wait(PATIENCE_SEC)
    assert "GPU-aaa is locked by" in refused(start(1, "--wait-sec", "0"))
    os.kill(child, signal.SIGKILL)
    assert seen(start()) == "GPU-aaa"


def test_of_many_jobs_at_once_no_two_ever_hold_one_card(host, start):
    """Each makes a folder named by its card, which fails if another job has not removed it."""
    script = f'cd {host} && mkdir "$CUDA_VISIBLE_DEVICES" && sleep 0.05 && rmdir "$_" || exit 9'
    script = script.replace('"$_"', '"$CUDA_VISIBLE_DEVICES"')
    jobs = [start(script=script) for _ in range(8)]
    for job in jobs:
        job.communicate(timeout=PATIENCE_SEC)
    assert [job.returncode for job in jobs] == [0] * 8


def test_jobs_of_two_gpus_each_do_not_deadlock(host, start):
    jobs = [start(2, script='echo "$CUDA_VISIBLE_DEVICES"') for _ in range(4)]
    assert [seen(job) for job in jobs] == ["GPU-aaa,GPU-bbb"] * 4


def test_a_job_that_cannot_have_all_cards_keeps_none(host):
    _, held = take(1)
    with pytest.raises(StepsError, match="2 of 2 GPUs are requested, but not free"):
        take(2)
    again, more = take(1)
    assert again == "GPU-bbb"
    for file in [*held, *more]:
        file.close()


@pytest.mark.parametrize(
    "given, cards",
    [
        ({"CUDA_VISIBLE_DEVICES": "1"}, "1"),
        ({"CUDA_VISIBLE_DEVICES": "GPU-elsewhere"}, "GPU-elsewhere"),
        ({"SGE_GPU": "3"}, "3"),
        ({"SGE_GPU": "3", "CUDA_VISIBLE_DEVICES": "0,1"}, "3"),
    ],
)
def test_what_the_scheduler_gave_is_the_lease_and_nothing_is_locked(host, given, cards):
    assert gpu_lease.lease(1, {**os.environ, **given}) == (cards, [])
    assert not (host / "locks").exists()


def test_of_more_gpus_than_requested_one_is_locked(host, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1,0")
    first, one = take(1)
    second, other = take(1)
    assert (first, second) == ("GPU-bbb", "GPU-aaa")
    for file in [*one, *other]:
        file.close()


def test_fewer_gpus_than_requested_are_an_error(host, monkeypatch):
    monkeypatch.setenv("SGE_GPU", "0")
    with pytest.raises(ConfigError, match=r"2 GPUs are requested, but SGE_GPU .* names 1 \(0\)"):
        take(2)
    monkeypatch.delenv("SGE_GPU")
    with pytest.raises(ConfigError, match="3 GPUs are requested, and this host has 2"):
        take(3)


def test_a_device_that_is_not_there_is_an_error(host, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,7")
    with pytest.raises(ConfigError, match="'7' .* is none of this host's GPUs"):
        take(1)


def test_a_job_that_asks_for_no_card_sees_none(host, start, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    assert seen(start(0, script='echo "[$CUDA_VISIBLE_DEVICES]"')) == "[]"


@pytest.mark.parametrize("driver", ["absent", "broken", "without cards"])
def test_a_machine_without_a_gpu_is_left_as_it_is(host, start, monkeypatch, driver):
    program = host / "bin/nvidia-smi"
    if driver == "absent":
        monkeypatch.setattr(gpu_lease.shutil, "which", lambda name: None)
    elif driver == "broken":
        program.write_text("#!/bin/sh\necho 'Driver/library version mismatch'; exit 18\n")
    else:
        (host / "cards").write_text("No devices found.\n")
    assert take(1) == (None, [])


def test_the_parts_of_a_divided_card_are_leased_one_by_one(host, start):
    (host / "cards").write_text(
        "GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-aaa)\n"
        "  MIG 3g.20gb     Device  0: (UUID: MIG-111)\n"
        "  MIG 3g.20gb     Device  1: (UUID: MIG-GPU-aaa/2/0)\n"
    )
    assert {seen(start()), seen(start())} == {"MIG-111", "MIG-GPU-aaa/2/0"}
    assert "not free: MIG-111 is locked by pid" in refused(start(1, "--wait-sec", "0"))


def test_what_a_job_starts_shares_its_cards_and_does_not_wait_for_them(host, start):
    again = f'"{sys.executable}" -m steps_py.cluster.gpu_lease --gpus 1 --wait-sec 0 -- sh -c'
    inner = f"{again} 'echo $CUDA_VISIBLE_DEVICES'"
    assert seen(start(2, script=inner)) == "GPU-aaa,GPU-bbb"


def test_all_users_of_a_host_may_lock_and_none_may_delete_what_another_made(host):
    old = os.umask(0o077)
    try:
        _, held = take(1)
    finally:
        os.umask(old)
    folder = host / "locks"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o1777
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o666}
    for file in held:
        file.close()


def test_the_command_s_exit_code_is_the_lease_s(host, start):
    process = start(script="exit 7")
    process.communicate(timeout=PATIENCE_SEC)
    assert process.returncode == 7


def test_a_command_that_is_not_there_is_one_line(host):
    done = subprocess.run(
        [
            *LEASE,
            "--gpus",
            "1",
            "--",
            "no-such-program",
        ],
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (
        1,
        "gpu_lease: no-such-program: No such file or directory.\n",
    )
