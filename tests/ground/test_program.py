"""`run`: the exit status and the one line of a program that fails by a user's error."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from steps_py.files import atomic_write
from steps_py.program import describe

ROOT = Path(__file__).parents[2]


def outcome_of(statement):
    """(exit status, standard error) of a program whose main function is `statement`."""
    program = (
        "from steps_py.errors import *\nfrom steps_py.program import run\n"
        f"class main:\n    name = 'steps_py.stages.example'\n"
        f"    def __call__(self):\n        {statement}\nrun(main())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    "statement, lines",
    [
        ("raise DataDirError('utt2spk:1: one')", ["example: utt2spk:1: one"]),
        ("raise ConfigError('a: one\\nb: two')", ["example: a: one", "example: b: two"]),
        ("open('/no/file')", ["example: /no/file: No such file or directory."]),
    ],
)
def test_an_error_of_the_user_is_one_line_per_fault_and_exit_status_1(statement, lines):
    status, stderr = outcome_of(statement)
    assert (status, stderr.splitlines()) == (1, lines)


def test_a_bug_keeps_its_traceback():
    status, stderr = outcome_of("{}['key']")
    assert status == 1 and "Traceback" in stderr


def test_an_interrupt_exits_with_status_130():
    assert outcome_of("raise KeyboardInterrupt") == (130, "")


def test_a_full_disk_is_reported_with_the_file_that_was_written(tmp_path):
    with pytest.raises(OSError) as error, atomic_write(tmp_path / "x.ark", "wb"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    line = describe(error.value)
    assert line.startswith(f"{tmp_path}/x.ark: No space left on device. Free some space")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
def test_a_real_write_to_a_full_device_says_no_space(tmp_path):
    with pytest.raises(OSError) as error, open("/dev/full", "w") as full:
        full.write("x")
    assert "No space left on device" in describe(error.value)


def test_an_error_without_a_file_names_its_place_in_the_code():
    with pytest.raises(OSError) as error:
        os.lseek(os.open(__file__, os.O_RDONLY), -1, os.SEEK_SET)
    line = describe(error.value)
    assert "test_program.py" in line and "Invalid argument" in line
    assert not line.startswith("file system")
