"""Files that appear whole or not at all, and what is said of those that cannot be written."""

import errno
import os
from pathlib import Path

import pytest

from steps_py.files import atomic_write
from steps_py.stages import describe


def test_a_full_disk_is_told_with_the_file_that_was_written(tmp_path):
    with pytest.raises(OSError) as error, atomic_write(tmp_path / "x.ark", "wb"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    said = describe(error.value)
    assert said.startswith(f"{tmp_path}/x.ark: No space left on device. Free some space")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
def test_a_real_write_to_a_full_device_says_no_space(tmp_path):
    with pytest.raises(OSError) as error, open("/dev/full", "w") as full:
        full.write("x")
    assert "No space left on device" in describe(error.value)


def test_an_error_that_names_no_file_names_its_place_in_the_code():
    with pytest.raises(OSError) as error:
        os.lseek(os.open(__file__, os.O_RDONLY), -1, os.SEEK_SET)
    said = describe(error.value)
    assert "test_files.py" in said and "Invalid argument" in said
    assert not said.startswith("file system")
