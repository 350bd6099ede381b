"""Damaged tables: random, changed and cut-off bytes give a TableError and cost little."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from steps_py.errors import StepsError, TableError
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
from steps_py.formats.tables import RandomReader, SequentialReader, TableWriter, read_object

fuzz = settings(
    max_examples=200,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def read(rspecifier, holder):
    with SequentialReader(rspecifier, holder) as reader:
        return dict(reader)


@pytest.fixture
def archive(tmp_path):
    """feats.ark with the matrices a, 2 x 3, and b, 4 x 3."""
    with TableWriter(f"ark:{tmp_path}/feats.ark", FLOAT_MATRIX) as writer:
        writer.write("a", np.ones((2, 3)))
        writer.write("b", np.ones((4, 3)))
    return tmp_path


def whole_archives():
    """Small valid archives of every kind, with their holders."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(9, 3)).astype(np.float32)
    values = [(FLOAT_MATRIX, x), (DOUBLE_MATRIX, x), (FLOAT_VECTOR, x[0]), (DOUBLE_VECTOR, x[0])]
    values += [(COMPRESSED_MATRIX(method), x) for method in (2, 3, 5)]
    values += [(INT, 3), (INTS, [1, 2]), (FLOAT, 0.5), (TOKEN, "t"), (TOKENS, ["t", "u"])]
    for holder, value in values:
        for binary in (True, False):
            entry = holder.encode(value, binary)
            yield holder, b"key1 " + entry + b"key2 " + entry


ARCHIVES = list(whole_archives())


def read_all(path, holder):
    """Read a damaged archive: entries or a TableError, and little memory in any case."""
    tracemalloc.start()
    try:
        return read(f"ark:{path}", holder)
    except TableError as error:
        assert "\n" not in str(error) and len(str(error)) < 1000
        return None
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 4_000_000


@given(st.sampled_from(ARCHIVES), st.data())
@fuzz
def test_a_changed_byte_gives_entries_or_an_error_and_never_more(tmp_path, archive, data):
    holder, content = archive
    content = bytearray(content)
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    (tmp_path / "x.ark").write_bytes(content)
    read_all(tmp_path / "x.ark", holder)


@given(st.sampled_from(ARCHIVES), st.data())
@fuzz
def test_a_cut_off_archive_is_an_error_or_ends_between_two_lines(tmp_path, archive, data):
    holder, content = archive
    cut = data.draw(st.integers(1, len(content) - 1))
    (tmp_path / "x.ark").write_bytes(content[:cut])
    entries = read_all(tmp_path / "x.ark", holder)
    second = content.index(b"key2 ")
    whole_ends = (second, len(content) - 1)  # only a text's last line break is dispensable
    words = (INT, FLOAT, INTS, TOKEN, TOKENS)  # a shortened line of words is still one
    assert entries is None or cut in (second - 1, *whole_ends) or holder in words


@given(
    st.sampled_from([holder for holder, _ in ARCHIVES]),
    st.sampled_from([b"", b"key ", b"key \0B", b"key \0BFM \4", b"key \0BCM2 ", b"key [ "]),
    st.binary(max_size=60),
)
@fuzz
def test_random_bytes_are_an_error_or_entries(tmp_path, holder, start, rest):
    (tmp_path / "x.ark").write_bytes(start + rest)
    read_all(tmp_path / "x.ark", holder)


@given(st.sampled_from(["ark", "scp", "ark,s,cs", "scp,p"]), st.text(max_size=30))
@fuzz
def test_random_lines_are_an_error_or_entries(tmp_path, options, text):
    text = text.replace("|", "")  # no random commands
    (tmp_path / "x").write_text(text, errors="surrogatepass")
    for reader in (SequentialReader, RandomReader):
        try:
            with reader(f"{options}:{tmp_path}/x", FLOAT_MATRIX) as table:
                "key" in table if reader is RandomReader else list(table)
        except StepsError:
            pass


@pytest.mark.parametrize(
    "header",
    [
        b"\0BFM \4\xff\xff\xff\x7f\4\xff\xff\xff\x7f",
        b"\0BDM \4\0\0\0\x40\4\1\0\0\0",
        b"\0BFV \4\xff\xff\xff\x7f",
        b"\0BCM \0\0\0\0\0\0\x80\x3f\0\0\0\x40\0\1\0\0",
        b"\0BCM2 \0\0\0\0\0\0\x80\x3f\0\0\0\x40\0\1\0\0",
        b"\0BFM \4\xff\xff\xff\xff\4\1\0\0\0",
        b"\0BFM \4\0\0\0\0\4\xff\xff\xff\x7f",
    ],
)
@pytest.mark.parametrize("form", ["ark:{}", "ark:cat {} |", "scp:echo key {}:4 |"])
def test_a_header_that_promises_gigabytes_is_refused_at_once(tmp_path, header, form):
    (tmp_path / "x.ark").write_bytes(b"key " + header + b"\0" * 100)
    holder = FLOAT_VECTOR if b"V " in header else FLOAT_MATRIX
    tracemalloc.start()
    with pytest.raises(TableError, match="damaged|truncated"):
        read(form.format(tmp_path / "x.ark"), holder)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20_000_000


def test_messages_say_where_and_what(archive):
    (archive / "cut.ark").write_bytes((archive / "feats.ark").read_bytes()[:-8])
    with pytest.raises(TableError, match=r"cut\.ark, key b, byte 58: a 4 x 3 matrix would take 48"):
        read(f"ark:{archive}/cut.ark", FLOAT_MATRIX)
    with pytest.raises(
        TableError, match=r"key a, byte 7: expected a vector \(FV, DV\), found 'FM'"
    ):
        read(f"ark:{archive}/feats.ark", FLOAT_VECTOR)
    (archive / "far.scp").write_text(f"a {archive}/feats.ark:9999\n")
    with pytest.raises(TableError, match=r"key a: .*has no byte 9999; it is \d+ long"):
        read(f"scp:{archive}/far.scp", FLOAT_MATRIX)
    (archive / "empty.scp").write_text("a x\n\nb y\n")
    with pytest.raises(TableError, match=r"empty\.scp:2: not a line of a script file"):
        RandomReader(f"scp:{archive}/empty.scp", FLOAT_MATRIX)


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize(
    "holder", [FLOAT_VECTOR, DOUBLE_VECTOR, FLOAT_MATRIX, COMPRESSED_MATRIX(2)]
)
def test_a_file_of_one_object_that_is_doubled_or_cut_is_refused(holder, binary, tmp_path):
    path = str(tmp_path / "mean.vec")
    is_vector = holder in (FLOAT_VECTOR, DOUBLE_VECTOR)
    data = holder.encode(np.ones(3) if is_vector else np.ones((2, 3)), binary)
    (tmp_path / "mean.vec").write_bytes(data)
    assert read_object(path, holder).shape == ((3,) if is_vector else (2, 3))
    for damaged in (2 * data, data + b"\0", data + b"1"):
        (tmp_path / "mean.vec").write_bytes(damaged)
        with pytest.raises(TableError, match=r"mean\.vec, byte \d+: more data after the object"):
            read_object(path, holder)
    for size in range(len(data.rstrip())):
        (tmp_path / "mean.vec").write_bytes(data[:size])
        with pytest.raises(TableError, match=r"mean\.vec"):
            read_object(path, holder)
