"""Files compressed by gzip and the like, in place of tables, objects and recordings."""

import bz2
import gzip
import lzma

import pytest

from steps_py.audio.wave_holder import WAVE
from steps_py.errors import TableError
from steps_py.formats.holders import FLOAT, FLOAT_MATRIX, FLOAT_VECTOR
from steps_py.formats.tables import RandomReader, SequentialReader, read_object

TEXT = b"u1 [ 1 2 3 ]\n"


@pytest.mark.parametrize(
    ("compress", "name", "command"),
    [
        (gzip.compress, "gzip", "gunzip -c"),
        (bz2.compress, "bzip2", "bunzip2 -c"),
        (lzma.compress, "xz", "xz -dc"),
    ],
)
@pytest.mark.parametrize("what", ["ark", "scp", "random ark", "random scp", "object", "pipe"])
def test_a_compressed_file_is_named_with_the_pipe_that_reads_it(
    tmp_path, compress, name, command, what
):
    path = tmp_path / "x.ark"
    path.write_bytes(compress(TEXT))
    with pytest.raises(TableError) as error:
        match what.split():
            case ["object"]:
                read_object(str(path), FLOAT_MATRIX)
            case ["pipe"]:
                with SequentialReader(f"ark:cat {path} |", FLOAT_VECTOR) as reader:
                    list(reader)
            case ["random", kind]:
                with RandomReader(f"{kind}:{path}", FLOAT_VECTOR) as reader:
                    _ = reader["u1"]
            case [kind]:
                with SequentialReader(f"{kind}:{path}", FLOAT_VECTOR) as reader:
                    list(reader)
    assert f"compressed by {name}." in str(error.value)
    assert command in str(error.value)


def test_a_compressed_recording_of_a_script_file_is_named(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(gzip.compress(b"RIFF"))
    with pytest.raises(TableError, match="a.wav: compressed by gzip.*gunzip -c"):
        read_object(str(path), WAVE)


def test_the_pipe_of_the_message_reads_the_file(tmp_path):
    path = tmp_path / "x.ark.gz"
    path.write_bytes(gzip.compress(TEXT))
    with SequentialReader(f"ark:gunzip -c {path} |", FLOAT_VECTOR) as reader:
        assert [key for key, _ in reader] == ["u1"]


def test_a_key_may_begin_like_a_compressed_file(tmp_path):
    path = tmp_path / "x.ark"
    path.write_bytes(b"BZh9 3\n")
    with SequentialReader(f"ark:{path}", FLOAT) as reader:
        assert list(reader) == [("BZh9", 3.0)]
