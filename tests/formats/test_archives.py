"""Random access to archives: the table reader's numbers, and faults found early."""

import numpy as np
import pytest

from steps_py.errors import TableError
from steps_py.formats.archives import Locations, MatrixIndex, OpenFiles, read_vector_at
from steps_py.formats.holders import FLOAT_MATRIX, FLOAT_VECTOR
from steps_py.formats.tables import RandomReader, TableWriter
from tests.support.small_features import matrix_bytes, vector_bytes, write_archive

KINDS = ["FM", "DM", "CM", "CM2", "CM3"]


@pytest.mark.parametrize("kind", KINDS)
def test_rows_are_those_of_the_table_reader(tmp_path, kind):
    """Oracle: our table reader, which reads whole matrices and is held to Kaldi's files."""
    x_TD = np.random.default_rng(1).standard_normal((300, 5)).astype(np.float32)
    entries = write_archive(
        tmp_path / "a.ark",
        tmp_path / "a.scp",
        {"a": matrix_bytes(x_TD[:40], kind), "b": matrix_bytes(x_TD, kind)},
    )
    with RandomReader(f"scp:{tmp_path}/a.scp", FLOAT_MATRIX) as table:
        whole_TD = table["b"]
    index = MatrixIndex("ab", Locations([entries["a"], entries["b"]]))
    assert (index.num_rows_U.tolist(), index.num_cols_U.tolist()) == ([40, 300], [5, 5])
    for first, end in [(0, 300), (0, 1), (299, 300), (17, 17), (20, 290)]:
        rows = index.rows(1, first, end)
        assert rows.dtype == np.float32
        assert np.array_equal(rows, whole_TD[first:end])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(1, 1), (2, 1), (9, 3)])
def test_a_matrix_may_be_the_last_and_smallest_of_a_file(tmp_path, kind, shape):
    x_TD = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    data = matrix_bytes(x_TD, kind)
    (tmp_path / "a.ark").write_bytes(data)
    index = MatrixIndex(["a"], Locations([str(tmp_path / "a.ark")]))
    assert index.rows(0, 0, shape[0]).shape == shape
    (tmp_path / "a.ark").write_bytes(data[:-1])
    with pytest.raises(TableError, match=r"^a: .*truncated"):
        MatrixIndex(["a"], Locations([str(tmp_path / "a.ark")]))


@pytest.mark.parametrize("kind", ["FV", "DV"])
def test_vectors_are_those_of_the_table_reader(tmp_path, kind):
    data = {"a": vector_bytes([1, 0, 1], kind), "b": vector_bytes([0, 1], kind)}
    entries = write_archive(tmp_path / "v.ark", tmp_path / "v.scp", data)
    with RandomReader(f"scp:{tmp_path}/v.scp", FLOAT_VECTOR) as table:
        for key in "ab":
            place = Locations([entries[key]])[0]
            assert read_vector_at(OpenFiles(), *place).tolist() == table[key].tolist()


@pytest.mark.parametrize("num_frames", [0, 1, 5000])
def test_vectors_may_be_text_as_compute_vad_writes_them(tmp_path, num_frames):
    voiced_T = np.arange(num_frames) % 3 == 0
    with TableWriter(f"ark,t,scp:{tmp_path}/v.ark,{tmp_path}/v.scp", FLOAT_VECTOR) as writer:
        writer.write("a", np.ones(2, np.float32))
        writer.write("b", voiced_T.astype(np.float32))
    entries = [line.split()[1] for line in (tmp_path / "v.scp").read_text().splitlines()]
    read = read_vector_at(OpenFiles(), *Locations(entries)[1])
    assert read.tolist() == voiced_T.tolist()


def test_more_files_than_may_be_open_at_once_are_read(tmp_path):
    paths = [tmp_path / str(i) for i in range(20)]
    for i, path in enumerate(paths):
        path.write_bytes(bytes([i]))
    files = OpenFiles(limit=3)
    for _ in range(2):
        assert [files.read(str(path), 0, 1)[0] for path in paths] == list(range(20))


@pytest.mark.parametrize("entry", ["copy-feats a b |", "a.ark:5[0:9]", "-"])
def test_what_cannot_be_read_at_random_is_refused(entry):
    with pytest.raises(TableError, match="Write the table to one first"):
        Locations([entry])


def test_a_path_may_contain_colons():
    assert Locations(["C:x/a:b.ark:12", "a:b"])[0] == ("C:x/a:b.ark", 12)
    assert Locations(["a:b"])[0] == ("a:b", 0)


def test_sizes_below_zero_are_no_matrix_and_no_vector(tmp_path):
    size = (-3).to_bytes(4, "little", signed=True)
    path = tmp_path / "x"
    for data in (b"\0BFM \4" + size + b"\4\2\0\0\0", b"\0BCM3 " + bytes(8) + size + size):
        path.write_bytes(data + bytes(40))
        with pytest.raises(TableError, match=r"^a: .*no binary matrix found"):
            MatrixIndex(["a"], Locations([str(path)]))
    path.write_bytes(b"\0BFV \4" + size + bytes(40))
    with pytest.raises(TableError, match="no vector found"):
        read_vector_at(OpenFiles(), str(path), 0)
