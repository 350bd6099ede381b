"""Tables as dicts by kaldi-io: what it gets wrong is guarded."""

import os
import subprocess
import sys

import numpy as np
import pytest

from steps_py.errors import TableError
from steps_py.formats.holders import COMPRESSED_MATRIX, FLOAT_MATRIX, FLOAT_VECTOR
from steps_py.formats.kaldi_io_tables import (
    read_matrices,
    read_vectors,
    write_matrices,
    write_vectors,
)
from steps_py.formats.tables import SequentialReader, TableWriter

VECTORS = {"anna": np.array([1, -2.5, 3], np.float32), "jürgen": np.array([4, 5, 6], np.float32)}
MATRICES = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.eye(3, dtype=np.float32)}
KINDS = {
    "vectors": (VECTORS, FLOAT_VECTOR, read_vectors, write_vectors),
    "matrices": (MATRICES, FLOAT_MATRIX, read_matrices, write_matrices),
}


def assert_same(found, wanted):
    assert list(found) == list(wanted)
    for key in wanted:
        np.testing.assert_array_equal(found[key], wanted[key])


def write_table(wspecifier, holder, table):
    with TableWriter(wspecifier, holder) as writer:
        for key, value in table.items():
            writer.write(key, value)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_written_is_read_by_kaldi_and_back(kind, tmp_path):
    table, holder, read, write = KINDS[kind]
    ark, scp = tmp_path / "x.ark", tmp_path / "x.scp"
    write(ark, table, scp)
    assert_same(read(ark), table)
    assert_same(read(scp), table)
    for rspecifier in (f"ark:{ark}", f"scp:{scp}"):
        with SequentialReader(rspecifier, holder) as reader:
            assert_same(dict(reader), table)


@pytest.mark.parametrize("form", ["ark", "ark,t"])
@pytest.mark.parametrize("kind", KINDS)
def test_what_the_commands_write_is_read(kind, form, tmp_path):
    table, holder, read, _ = KINDS[kind]
    write_table(f"{form},scp:{tmp_path}/x.ark,{tmp_path}/x.scp", holder, table)
    assert_same(read(tmp_path / "x.ark"), table)
    found = read(tmp_path / "x.scp")
    assert_same(found, table)
    assert {x.dtype for x in found.values()} == {np.dtype("float32")}
    next(iter(found.values()))[0] = 7  # it is the caller's own


@pytest.mark.parametrize("method", [1, 3, 5])
def test_compressed_matrices_are_those_that_the_commands_read(method, tmp_path):
    x_TD = np.random.default_rng(0).normal(size=(20, 4)).astype(np.float32)
    write_table(f"ark:{tmp_path}/x.ark", COMPRESSED_MATRIX(method), {"a": x_TD, "b": x_TD})
    with SequentialReader(f"ark:{tmp_path}/x.ark", FLOAT_MATRIX) as reader:
        assert_same(read_matrices(tmp_path / "x.ark"), dict(reader))


@pytest.mark.parametrize("form", ["ark", "ark,t"])
@pytest.mark.parametrize("kind", KINDS)
def test_an_archive_that_is_cut_anywhere_within_an_entry_is_refused(kind, form, tmp_path):
    table, holder, read, _ = KINDS[kind]
    path = tmp_path / "x.ark"
    write_table(f"{form}:{path}", holder, table)
    data = path.read_bytes()
    second = data.index(list(table)[1].encode() + b" ")
    whole = [second]  # a shorter table
    if form == "ark,t":
        whole += [second - 1, len(data) - 1]  # without the last line's end
    for size in set(range(1, len(data))) - set(whole):
        path.write_bytes(data[:size])
        with pytest.raises(TableError, match=r"x\.ark"):
            read(path)


def test_a_table_of_another_kind_is_refused(tmp_path):
    write_vectors(tmp_path / "v.ark", VECTORS)
    write_matrices(tmp_path / "m.ark", MATRICES)
    for read, name in ((read_matrices, "v.ark"), (read_vectors, "m.ark")):
        with pytest.raises(TableError, match=r"key \w+: cannot be read .* another kind"):
            read(tmp_path / name)


def test_a_key_that_comes_twice_is_refused(tmp_path):
    write_vectors(tmp_path / "x.ark", VECTORS)
    (tmp_path / "x.ark").write_bytes(2 * (tmp_path / "x.ark").read_bytes())
    with pytest.raises(TableError, match="key anna: comes twice"):
        read_vectors(tmp_path / "x.ark")


def test_an_entry_of_a_script_file_that_cannot_be_read_is_not_skipped(tmp_path):
    (tmp_path / "x.scp").write_text(f"a {tmp_path}/gone.ark:5\n")
    with pytest.raises(TableError, match=r"gone\.ark: cannot open"):
        read_matrices(tmp_path / "x.scp")


def test_names_that_are_commands_are_not_run(tmp_path):
    (tmp_path / "x.scp").write_text(f"a touch {tmp_path}/was_run |\n")
    with pytest.raises(TableError, match="random access needs an archive"):
        read_matrices(tmp_path / "x.scp")
    with pytest.raises(TableError, match="cannot open"):
        read_vectors(f"touch {tmp_path}/was_run |")
    assert not (tmp_path / "was_run").exists()


@pytest.mark.parametrize(
    "table, said",
    [
        ({"a": [1, np.nan]}, "key a: the array is not finite"),
        ({"a": [[1.0]]}, r"key a: the array is of shape \(1, 1\)"),
        ({"a b": [1.0]}, "a b"),
    ],
)
def test_what_no_table_can_hold_is_refused_and_nothing_written(table, said, tmp_path):
    with pytest.raises(TableError, match=said):
        write_vectors(tmp_path / "x.ark", {"good": [1.0]} | table)
    assert not list(tmp_path.iterdir())


def test_the_import_changes_no_environment_and_prints_nothing(tmp_path):
    write_vectors(tmp_path / "x.ark", VECTORS)
    code = (
        "import os; before = dict(os.environ)\n"
        "from steps_py.formats.kaldi_io_tables import read_vectors\n"
        f"read_vectors('{tmp_path}/x.ark'); assert dict(os.environ) == before"
    )
    environment = {k: v for k, v in os.environ.items() if k != "KALDI_ROOT"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
