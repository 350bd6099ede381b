"""Pipes whose programs are not there: named, with what to install."""

import pytest

from steps_py.audio.wave_holder import WAVE
from steps_py.errors import MissingProgramError, TableError
from steps_py.formats.holders import FLOAT
from steps_py.formats.tables import SequentialReader, read_object


@pytest.mark.parametrize("strict", ["", "1"])
@pytest.mark.parametrize(
    ("pipe", "said"),
    [
        ("/opt/none/sph2pipe -f wav a.sph |", "Install sph2pipe (https://www.openslr.org/3/)"),
        ("none-such a.wav | sox -t wav - -r 8000 -b 16 -t wav - |", "program none-such not found"),
        ("none-such a.wav | tr a b | cat |", "Install none-such"),
        ("cat a.wav | none-such |", "program none-such not found"),
        ("/etc |", "program /etc cannot be run"),
    ],
)
def test_a_missing_program_is_named_wherever_in_the_pipe(tmp_path, monkeypatch, pipe, said, strict):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SIDEWINDER_STRICT", strict)
    (tmp_path / "a.wav").write_bytes(b"")
    with pytest.raises(MissingProgramError) as error:
        read_object(pipe, WAVE)
    assert said in str(error.value)
    assert "empty file" not in str(error.value)


def test_a_missing_program_in_front_of_a_table_is_named():
    with (
        pytest.raises(MissingProgramError, match="program none-such not found"),
        SequentialReader("ark:none-such x |", FLOAT) as reader,
    ):
        list(reader)


def test_a_missing_file_is_no_missing_program():
    with pytest.raises(TableError) as error:
        read_object("cat < none-such |", WAVE)
    assert not isinstance(error.value, MissingProgramError)
