"""Archives that do not agree with their script files are refused by name."""

import numpy as np
import pytest

from steps_py.data.data_dir import iterate_table, read_table
from steps_py.data.sets import gather_tables
from steps_py.errors import TableError
from steps_py.formats.archive_checks import check_archives
from steps_py.formats.holders import (
    COMPRESSED_MATRIX,
    DOUBLE_MATRIX,
    DOUBLE_VECTOR,
    FLOAT_MATRIX,
    FLOAT_VECTOR,
)
from steps_py.formats.tables import TableWriter

X_TD = np.random.default_rng(0).normal(size=(9, 3))
KINDS = {
    "FM": (FLOAT_MATRIX, X_TD),
    "DM": (DOUBLE_MATRIX, X_TD),
    "CM": (COMPRESSED_MATRIX(2), X_TD),
    "CM2": (COMPRESSED_MATRIX(3), X_TD),
    "CM3": (COMPRESSED_MATRIX(5), X_TD),
    "FV": (FLOAT_VECTOR, X_TD[0]),
    "DV": (DOUBLE_VECTOR, X_TD[0]),
    "text": (FLOAT_VECTOR, np.array([1, 0, 1])),
}
KEYS = ["anna-1", "anna-2", "jürgen-1"]


def write(folder, kind, keys=KEYS):
    """The script file of an archive of a kind, as a dict; the archive is x.ark."""
    holder, value = KINDS[kind]
    options = "ark,t,scp" if kind == "text" else "ark,scp"
    with TableWriter(f"{options}:{folder}/x.ark,{folder}/x.scp", holder) as writer:
        for number, key in enumerate(keys):
            writer.write(key, value[: 3 - number % 2])
    return read_table(folder / "x.scp")


@pytest.mark.parametrize("kind", KINDS)
def test_archives_as_they_were_written_pass(kind, tmp_path):
    (tmp_path / "b").mkdir()
    both = write(tmp_path, kind) | write(tmp_path / "b", kind, ["x", "y"])
    check_archives(both.items())
    check_archives([])


def test_an_empty_matrix_passes(tmp_path):
    for holder in (FLOAT_MATRIX, COMPRESSED_MATRIX(2)):
        with TableWriter(f"ark,scp:{tmp_path}/x.ark,{tmp_path}/x.scp", holder) as writer:
            writer.write("a", np.zeros((0, 0)))
            writer.write("b", X_TD)
        check_archives(iterate_table(tmp_path / "x.scp"))


@pytest.mark.parametrize("kind", KINDS)
def test_an_archive_that_is_cut_or_doubled_is_refused(kind, tmp_path):
    entries = write(tmp_path, kind)
    path = tmp_path / "x.ark"
    data = path.read_bytes()
    damaged = [data[:size] for size in range(len(data))]
    damaged += [2 * data, data + b"x", data[1:], b"\n" + data, bytes(len(data))]
    for content in damaged:
        path.write_bytes(content)
        with pytest.raises(TableError, match=r"x\.ark.* Delete the archive and its script file"):
            check_archives(entries.items())
    path.unlink()
    with pytest.raises(TableError, match=r"^anna-1: .*x\.ark: No such file"):
        check_archives(entries.items())


@pytest.mark.parametrize("kind", KINDS)
def test_a_key_or_header_that_changed_is_refused(kind, tmp_path):
    entries = write(tmp_path, kind)
    path = tmp_path / "x.ark"
    data = path.read_bytes()
    second = data.index(b"anna-2 ")
    for place in [0, 5, second, second + 6, second + 8]:  # keys, their blanks, the marker
        changed = bytearray(data)
        changed[place] ^= 0x10
        path.write_bytes(changed)
        with pytest.raises(TableError, match=r"^anna-[12]: .*x\.ark"):
            check_archives(entries.items())


def test_an_archive_of_another_run_is_refused(tmp_path):
    entries = write(tmp_path, "FM")
    write(tmp_path, "FM", ["anna-1", "anna-3", "jürgen-1"])
    with pytest.raises(
        TableError, match=r"^anna-2: .*x\.ark:\d+: the key before it is another one"
    ):
        check_archives(entries.items())


def test_a_script_file_that_lacks_an_entry_is_refused(tmp_path):
    entries = write(tmp_path, "CM")
    del entries["anna-2"]
    with pytest.raises(TableError, match=r"^jürgen-1: .* the entry before it ends elsewhere"):
        check_archives(entries.items())


def test_the_stage_checks_and_writes_nothing(tmp_path):
    write(tmp_path, "CM")
    scp, out = tmp_path / "x.scp", tmp_path / "feats.scp"
    (tmp_path / "x.ark").write_bytes((tmp_path / "x.ark").read_bytes()[:-1])
    with pytest.raises(TableError, match=r"jürgen-1: .*x\.ark: ends at byte"):
        gather_tables([scp], scp, out, check_archives)
    assert not out.exists()
    gather_tables([scp], scp, out)
