"""Random access to tables, and what the options p, o, s and cs promise and allow."""

import subprocess

import numpy as np
import pytest

from steps_py.errors import TableError
from steps_py.formats.holders import FLOAT_MATRIX, INT
from steps_py.formats.tables import RandomReader, SequentialReader, TableWriter

X = np.ones((2, 3), np.float32)
Y = np.arange(12, dtype=np.float32).reshape(4, 3)


def write(wspecifier, holder, pairs):
    with TableWriter(wspecifier, holder) as writer:
        for key, value in pairs:
            writer.write(key, value)


def read(rspecifier, holder):
    with SequentialReader(rspecifier, holder) as reader:
        return dict(reader)


def assert_same(got, want):
    assert list(got) == list(want)
    for key in want:
        np.testing.assert_array_equal(got[key], want[key])


@pytest.fixture
def archive(tmp_path):
    """feats.ark and feats.scp with the matrices a = X and b = Y."""
    write(
        f"ark,scp:{tmp_path}/feats.ark,{tmp_path}/feats.scp", FLOAT_MATRIX, {"a": X, "b": Y}.items()
    )
    return tmp_path


def test_only_the_requested_rows_are_read(archive):
    with RandomReader(f"scp:{archive}/feats.scp", FLOAT_MATRIX) as table:
        np.testing.assert_array_equal(table.rows("b", 1, 2), Y[1:3])
        with pytest.raises(TableError, match="ends after row 4"):
            table.rows("b", 2, 3)
        with pytest.raises(TableError, match="no entry for c"):
            table.rows("c", 2, 3)
    with RandomReader(f"ark:{archive}/feats.ark", FLOAT_MATRIX) as table:
        np.testing.assert_array_equal(table.rows("b", 1, 2), Y[1:3])


def test_a_missing_file_is_an_error_unless_permissive(archive, capfd):
    (archive / "bad.scp").write_text(f"a {archive}/none.ark:3\n" + f"b {archive}/feats.ark:43\n")
    with pytest.raises(TableError, match=r"key a: .*none.ark: cannot open: No such file"):
        read(f"scp:{archive}/bad.scp", FLOAT_MATRIX)
    assert_same(read(f"scp,p:{archive}/bad.scp", FLOAT_MATRIX), {"b": Y})
    assert "WARNING" in capfd.readouterr().err
    with RandomReader(f"scp,p:{archive}/bad.scp", FLOAT_MATRIX) as table:
        assert "a" not in table and "b" in table
    with RandomReader(f"scp:{archive}/bad.scp", FLOAT_MATRIX) as table:
        assert "a" in table  # it is listed; only reading shows that it is not there
        with pytest.raises(TableError, match="cannot open"):
            table["a"]


def test_a_permissive_reader_keeps_what_comes_before_the_damage(archive, capfd):
    damaged = (archive / "feats.ark").read_bytes()[:-1]
    (archive / "feats.ark").write_bytes(damaged)
    assert_same(read(f"p,ark:{archive}/feats.ark", FLOAT_MATRIX), {"a": X})
    with RandomReader(f"p,ark:{archive}/feats.ark", FLOAT_MATRIX) as table:
        assert "b" not in table and "a" in table
    assert "WARNING" in capfd.readouterr().err


@pytest.mark.parametrize("options", ["ark", "s,ark", "s,cs,ark", "s,o,ark", "scp", "s,scp"])
def test_keys_are_found_with_all_options(archive, options):
    kind = options.split(",")[-1]
    with RandomReader(f"{options}:{archive}/feats.{kind}", FLOAT_MATRIX) as table:
        assert "a" in table and "aa" not in table
        np.testing.assert_array_equal(table["b"], Y)
        assert "c" not in table


def test_without_options_keys_come_in_any_order_and_again(archive):
    with RandomReader(f"ark:{archive}/feats.ark", FLOAT_MATRIX) as table:
        for key, value in [("b", Y), ("a", X), ("b", Y)]:
            np.testing.assert_array_equal(table[key], value)
        with pytest.raises(TableError, match="no entry for z"):
            table["z"]


def test_promises_that_are_not_kept_are_errors(archive):
    write(f"ark,scp:{archive}/ba.ark,{archive}/ba.scp", INT, [("b", 1), ("a", 2)])
    for options in ("s,ark", "s,cs,ark"):
        with (
            RandomReader(f"{options}:{archive}/ba.ark", INT) as table,
            pytest.raises(TableError, match="not sorted|comes twice"),
        ):
            "c" in table  # noqa: B015
    with pytest.raises(TableError, match="not sorted"):
        RandomReader(f"s,scp:{archive}/ba.scp", INT)
    with RandomReader(f"s,cs,ark:{archive}/feats.ark", FLOAT_MATRIX) as table:
        assert "b" in table
        with pytest.raises(TableError, match="requested after b"):
            table["a"]
    with RandomReader(f"o,ark:{archive}/feats.ark", FLOAT_MATRIX) as table:
        for _ in range(2):  # the last one is still there, as for a command that looks twice
            np.testing.assert_array_equal(table["a"], X)
        np.testing.assert_array_equal(table["b"], Y)
        with pytest.raises(TableError, match="requested twice"):
            table["a"]


def test_a_key_that_comes_twice_is_an_error_in_tables_read_by_key(archive):
    write(f"ark,scp:{archive}/aa.ark,{archive}/aa.scp", INT, [("a", 1), ("a", 2)])
    with pytest.raises(TableError, match="key a comes twice"):
        RandomReader(f"scp:{archive}/aa.scp", INT)
    with (
        RandomReader(f"ark:{archive}/aa.ark", INT) as table,
        pytest.raises(TableError, match="key a comes twice"),
    ):
        "b" in table  # noqa: B015


def test_reading_many_entries_of_a_file_opens_it_once(archive, monkeypatch):
    from steps_py.formats import streams

    opened = []
    really = streams._open_file
    monkeypatch.setattr(streams, "_open_file", lambda path: opened.append(path) or really(path))
    read(f"scp:{archive}/feats.scp", FLOAT_MATRIX)
    assert sorted(opened) == [f"{archive}/feats.ark", f"{archive}/feats.scp"]


def test_processes_that_share_an_open_table_do_not_disturb_each_other(archive):
    code = f"""
import os
from steps_py.formats.holders import FLOAT_MATRIX
from steps_py.formats.tables import RandomReader
table = RandomReader("scp:{archive}/feats.scp", FLOAT_MATRIX)
table["a"]
pid = os.fork()
for _ in range(300):
    assert table["a"].shape == (2, 3) and table["b"].shape == (4, 3)
if pid:
    assert os.wait()[1] == 0
"""
    subprocess.run(["python3", "-c", code], check=True)
