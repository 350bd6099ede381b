"""Tables: what we write others read, and what others write we read."""

import kaldi_io
import kaldi_native_io
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from steps_py.errors import TableError
from steps_py.formats.holders import (
    COMPRESSED_MATRIX,
    DOUBLE_MATRIX,
    DOUBLE_VECTOR,
    FLOAT,
    FLOAT_MATRIX,
    FLOAT_VECTOR,
    INT,
    INTS,
    TOKEN,
    TOKENS,
)
from steps_py.formats.tables import (
    SequentialReader,
    TableWriter,
    read_object,
    write_object,
)

X = np.array([[1.5, -2.0, 3.25], [0.0, 1e-7, -1e6]], np.float32)
Y = np.arange(12, dtype=np.float32).reshape(4, 3)
fuzz = settings(
    max_examples=200,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


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


# what we write and read


@pytest.mark.parametrize(
    "holder, value, text",
    [
        (FLOAT_MATRIX, X, b"k  [\n  1.5 -2 3.25 \n  0 1e-07 -1000000 ]\n"),
        (DOUBLE_MATRIX, X.astype(np.float64) / 3, None),
        (FLOAT_MATRIX, np.zeros((0, 0), np.float32), b"k  [ ]\n"),
        (FLOAT_VECTOR, X[0], b"k  [ 1.5 -2 3.25 ]\n"),
        (DOUBLE_VECTOR, np.array([1 / 3]), b"k  [ 0.3333333 ]\n"),
        (FLOAT_VECTOR, np.zeros(0, np.float32), b"k  [ ]\n"),
        (INT, -7, b"k -7 \n"),
        (INTS, [1, -2, 2**31 - 1], b"k 1 -2 2147483647 \n"),
        (INTS, [], b"k \n"),
        (FLOAT, 0.1, b"k 0.1 \n"),
        (TOKEN, "spk-1", b"k spk-1\n"),
        (TOKENS, ["one", "two"], b"k one two \n"),
        (TOKENS, [], b"k \n"),
    ],
)
def test_what_is_written_is_read_again_and_text_looks_as_kaldis(tmp_path, holder, value, text):
    write(f"ark:{tmp_path}/b.ark", holder, [("k", value), ("l", value)])
    write(f"ark,t:{tmp_path}/t.ark", holder, [("k", value), ("l", value)])
    binary, in_text = (read(f"ark:{tmp_path}/{name}.ark", holder) for name in "bt")
    assert list(binary) == list(in_text) == ["k", "l"]
    if holder in (TOKEN, TOKENS):
        assert binary["l"] == in_text["l"] == value
    else:
        np.testing.assert_allclose(binary["l"], value, rtol=1e-7)
        np.testing.assert_allclose(in_text["l"], value, rtol=1e-6)
    if text is not None:
        assert (tmp_path / "t.ark").read_bytes() == text + b"l" + text[1:]


def test_arrays_that_are_read_belong_to_the_reader(archive):
    for x in read(f"ark:{archive}/feats.ark", FLOAT_MATRIX).values():
        x += 1  # would raise if it were a view of the file's bytes
        assert x.flags["C_CONTIGUOUS"] and x.dtype == np.float32


@given(
    arrays(
        np.float32,
        st.tuples(st.integers(1, 5), st.integers(1, 5)),
        elements=st.floats(width=32, allow_nan=False),
    )
)
@fuzz
def test_any_matrix_survives_binary_exactly_and_text_to_seven_digits(tmp_path, x):
    write(f"ark:{tmp_path}/b.ark", FLOAT_MATRIX, [("k", x)])
    write(f"ark,t:{tmp_path}/t.ark", FLOAT_MATRIX, [("k", x)])
    np.testing.assert_array_equal(read(f"ark:{tmp_path}/b.ark", FLOAT_MATRIX)["k"], x)
    np.testing.assert_allclose(
        read(f"ark:{tmp_path}/t.ark", FLOAT_MATRIX)["k"], x, rtol=6e-7, atol=1e-44
    )


# what others write and read


def test_kaldi_native_io_reads_what_we_write(archive):
    k = kaldi_native_io
    readers = {
        "x.ark": (k.SequentialFloatMatrixReader, FLOAT_MATRIX, X),
        "x64.ark": (k.SequentialDoubleMatrixReader, DOUBLE_MATRIX, Y.astype(np.float64)),
        "v.ark": (k.SequentialFloatVectorReader, FLOAT_VECTOR, X[0]),
        "i.ark": (k.SequentialInt32Reader, INT, 41),
        "is.ark": (k.SequentialInt32VectorReader, INTS, [4, 1]),
        "f.ark": (k.SequentialFloatReader, FLOAT, 0.5),
        "t.ark": (k.SequentialTokenReader, TOKEN, "word"),
        "ts.ark": (k.SequentialTokenVectorReader, TOKENS, ["two", "words"]),
    }
    for name, (reader, holder, value) in readers.items():
        for option in ("ark", "ark,t"):
            write(f"{option}:{archive}/{name}", holder, [("one", value), ("two", value)])
            with reader(f"ark:{archive}/{name}") as entries:
                got = {key: np.array(entry) for key, entry in entries}
            assert_same(got, {"one": np.array(value), "two": np.array(value)})


def test_kaldi_native_io_follows_the_offsets_of_our_script_file(archive):
    with kaldi_native_io.RandomAccessFloatMatrixReader(f"scp:{archive}/feats.scp") as table:
        np.testing.assert_array_equal(table["b"], Y)
        np.testing.assert_array_equal(table["a"], X)


def test_kaldi_io_reads_what_we_write(archive):
    assert_same(dict(kaldi_io.read_mat_scp(f"{archive}/feats.scp")), {"a": X, "b": Y})
    write(f"ark:{archive}/v.ark", FLOAT_VECTOR, [("v", X[0])])
    assert_same(dict(kaldi_io.read_vec_flt_ark(f"{archive}/v.ark")), {"v": X[0]})


def test_we_read_what_kaldi_native_io_writes(tmp_path):
    k = kaldi_native_io
    writers = [
        (k.FloatMatrixWriter, FLOAT_MATRIX, X),
        (k.DoubleMatrixWriter, DOUBLE_MATRIX, Y.astype(np.float64)),
        (k.FloatVectorWriter, FLOAT_VECTOR, X[0]),
        (k.Int32Writer, INT, 41),
        (k.Int32VectorWriter, INTS, [4, 1]),
        (k.FloatWriter, FLOAT, 0.5),
        (k.TokenWriter, TOKEN, "word"),
        (k.TokenVectorWriter, TOKENS, ["two", "words"]),
    ]
    for writer, holder, value in writers:
        for option in ("ark,scp", "ark,scp,t"):
            with writer(f"{option}:{tmp_path}/x.ark,{tmp_path}/x.scp") as out:
                out["one"] = value
                out["two"] = value
            for kind in ("ark", "scp"):
                got = read(f"{kind}:{tmp_path}/x.{kind}", holder)
                assert_same(got, {"one": value, "two": value})


@pytest.mark.parametrize("method", range(1, 8))
def test_compressed_matrices_come_out_as_kaldi_native_io_decodes_them(tmp_path, method):
    x = np.random.default_rng(1).normal(scale=3, size=(300, 5)).astype(np.float32)
    write(f"ark:{tmp_path}/c.ark", COMPRESSED_MATRIX(method), [("k", x), ("l", x[:7])])
    with kaldi_native_io.SequentialFloatMatrixReader(f"ark:{tmp_path}/c.ark") as entries:
        want = {key: np.array(value) for key, value in entries}
    assert_same(read(f"ark:{tmp_path}/c.ark", FLOAT_MATRIX), want)


def test_double_is_read_as_float_and_float_as_double(tmp_path):
    write(f"ark:{tmp_path}/d.ark", DOUBLE_MATRIX, [("k", X / 3)])
    write(f"ark:{tmp_path}/f.ark", FLOAT_VECTOR, [("k", X[0])])
    assert read(f"ark:{tmp_path}/d.ark", FLOAT_MATRIX)["k"].dtype == np.float32
    assert read(f"ark:{tmp_path}/f.ark", DOUBLE_VECTOR)["k"].dtype == np.float64


# script files, ranges, offsets


@pytest.mark.parametrize(
    "span, rows, cols",
    [
        ("[1:2]", slice(1, 3), slice(None)),
        ("[1:2,0:1]", slice(1, 3), slice(0, 2)),
        ("[:,2:2]", slice(None), slice(2, 3)),
        ("[,2:2]", slice(None), slice(2, 3)),
        ("[0:0,:]", slice(0, 1), slice(None)),
        ("[2:5]", slice(2, None), slice(None)),  # up to two rows too many are forgiven
    ],
)
@pytest.mark.parametrize(
    "holder", [FLOAT_MATRIX, DOUBLE_MATRIX, *map(COMPRESSED_MATRIX, (2, 3, 5))]
)
@pytest.mark.parametrize("option", ["ark", "ark,t"])
def test_ranges_are_inclusive_parts_of_any_kind_of_matrix(
    tmp_path, span, rows, cols, holder, option
):
    write(f"{option}:{tmp_path}/x.ark", holder, [("k", Y)])
    whole = read(f"ark:{tmp_path}/x.ark", FLOAT_MATRIX)["k"]
    part = read_object(f"{tmp_path}/x.ark:2{span}", FLOAT_MATRIX)
    np.testing.assert_array_equal(part, whole[rows, cols])


@pytest.mark.parametrize(
    "span", ["[2:6]", "[2:1]", "[4:4]", "[0:1,0:3]", "[1]", "[]", "[1:]", "[0:x]"]
)
def test_ranges_that_do_not_fit_are_errors(archive, span):
    with pytest.raises(TableError, match="range"):
        read_object(f"{archive}/feats.ark:2{span}", FLOAT_MATRIX)


def test_a_range_of_a_vector_has_one_part(tmp_path):
    write_object(f"{tmp_path}/v", FLOAT_VECTOR, np.arange(5))
    np.testing.assert_array_equal(read_object(f"{tmp_path}/v[1:3]", FLOAT_VECTOR), [1, 2, 3])
    with pytest.raises(TableError, match="vector"):
        read_object(f"{tmp_path}/v[1:3,0:0]", FLOAT_VECTOR)


def test_script_lines_may_hold_ranges_pipes_files_and_offsets(archive):
    write_object(f"{archive}/x.mat", FLOAT_MATRIX, X)
    lines = [
        f"file {archive}/x.mat",
        f"range\t{archive}/x.mat[0:0,1:2]",
        f"pipe cat {archive}/x.mat |",
        f"place {archive}/feats.ark:2  ",
    ]
    (archive / "mixed.scp").write_text("\n".join(lines) + "\n")
    want = {"file": X, "range": X[:1, 1:], "pipe": X, "place": X}
    assert_same(read(f"scp:{archive}/mixed.scp", FLOAT_MATRIX), want)


def test_a_script_can_be_a_pipe(archive):
    assert list(read(f"scp:tail -1 {archive}/feats.scp |", FLOAT_MATRIX)) == ["b"]


# writing


def test_a_writer_that_fails_leaves_nothing_and_an_older_file_in_place(tmp_path):
    (tmp_path / "x.ark").write_text("older")
    with (
        pytest.raises(RuntimeError),
        TableWriter(f"ark,scp:{tmp_path}/x.ark,{tmp_path}/x.scp", INT) as out,
    ):
        out.write("a", 1)
        raise RuntimeError
    assert [path.name for path in tmp_path.iterdir()] == ["x.ark"]
    assert (tmp_path / "x.ark").read_text() == "older"


def test_with_f_others_can_read_along(tmp_path):
    with TableWriter(f"ark,scp,f:{tmp_path}/x.ark,{tmp_path}/x.scp", INT) as out:
        out.write("a", 1)
        assert read(f"scp:{tmp_path}/x.scp", INT) == {"a": 1}


def test_a_script_alone_gives_the_file_of_each_entry(tmp_path):
    (tmp_path / "out.scp").write_text(f"a {tmp_path}/a.int\nb | cat > {tmp_path}/b.int\n")
    write(f"scp,t:{tmp_path}/out.scp", INT, [("b", 2), ("a", 1)])
    assert (tmp_path / "a.int").read_text() == "1 \n"
    assert (tmp_path / "b.int").read_text() == "2 \n"
    write(f"scp,p:{tmp_path}/out.scp", INT, [("c", 3)])
    with pytest.raises(TableError, match="no line for c"):
        write(f"scp:{tmp_path}/out.scp", INT, [("c", 3)])


def test_an_optional_writer_without_a_name_writes_nothing():
    with TableWriter("", INT, optional=True) as out:
        out.write("a", 1)
    with pytest.raises(TableError, match="not a wspecifier"):
        TableWriter("", INT)


@pytest.mark.parametrize("key", ["", "a b", "a\n", "\t"])
def test_a_key_that_would_break_the_format_is_refused(tmp_path, key):
    with pytest.raises(TableError, match="cannot be written as a word"):
        write(f"ark:{tmp_path}/x.ark", INT, [(key, 1)])


def test_values_of_the_wrong_kind_are_refused_with_their_key(tmp_path):
    with pytest.raises(TableError, match="key a: .*shape"):
        write(f"ark:{tmp_path}/x.ark", FLOAT_MATRIX, [("a", X[0])])
    with pytest.raises(TableError, match="key a: .*32 bits"):
        write(f"ark:{tmp_path}/x.ark", INT, [("a", 2**31)])
    with pytest.raises(TableError, match="key a: .*NaN"):
        write(f"ark:{tmp_path}/x.ark", COMPRESSED_MATRIX(), [("a", X * np.nan)])


def test_a_script_beside_an_archive_that_is_no_file_is_warned_of(tmp_path, capfdbinary):
    write(f"ark,scp:-,{tmp_path}/x.scp", INT, [("a", 1)])
    assert b"archive that is not a file" in capfdbinary.readouterr().err
