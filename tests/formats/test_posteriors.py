"""Tables of posteriors and selected Gaussians."""

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steps_py.errors import TableError
from steps_py.formats.posteriors import POSTERIOR, SELECTION, Posterior, Selection
from steps_py.formats.streams import Input

INDICES = st.integers(-(2**31), 2**31 - 1)
WEIGHTS = st.floats(width=32, allow_nan=False, allow_infinity=False)


def through_file(holder, value, binary):
    stream = Input(io.BytesIO(holder.encode(value, binary) + b"next"), "table")
    again = holder.read(stream)
    assert stream.read() == b"next"
    return again


@settings(max_examples=30)
@given(st.lists(st.lists(st.tuples(INDICES, WEIGHTS), max_size=4), max_size=4))
def test_posteriors_are_read_as_they_were_written(lists):
    assert through_file(POSTERIOR, Posterior.of(lists), True).lists() == lists
    text = through_file(POSTERIOR, Posterior.of(lists), False).lists()
    assert [[i for i, _ in items] for items in text] == [[i for i, _ in items] for items in lists]


@settings(max_examples=30)
@given(st.lists(st.lists(INDICES, max_size=4), max_size=4), st.booleans())
def test_selections_are_read_as_they_were_written(lists, binary):
    assert through_file(SELECTION, Selection.of(lists), binary).lists() == lists


def test_the_bytes_are_those_of_kaldi():
    posterior, selection = Posterior.of([[(7, 0.5)], []]), Selection.of([[7, 2], []])
    assert POSTERIOR.encode(posterior, False) == b"[ 7 0.5 ] [ ] \n"
    assert SELECTION.encode(selection, False) == b"7 2 ; ; \n"
    four, one = b"\4\2\0\0\0", b"\4\1\0\0\0"
    pair = b"\4\7\0\0\0\4\0\0\0\x3f"
    assert POSTERIOR.encode(posterior, True) == b"\0B" + four + one + pair + b"\4\0\0\0\0"
    pair = b"\4\7\0\0\0\4\2\0\0\0"
    assert SELECTION.encode(selection, True) == b"\0B" + four + four + pair + b"\4\0\0\0\0"


@pytest.mark.parametrize(
    ("holder", "data"),
    [
        (POSTERIOR, b"1 0.5 \n"),
        (POSTERIOR, b"[ 1 ] \n"),
        (POSTERIOR, b"[ x 0.5 ] \n"),
        (POSTERIOR, b"\0B\4\1\0\0\0\4\1\0\0\0\4\7"),
        (SELECTION, b"1 2 \n"),
        (SELECTION, b"1 x ; \n"),
        (SELECTION, b"\0B\4\xff\xff\xff\xff"),
    ],
)
def test_damaged_tables_are_errors(holder, data):
    with pytest.raises(TableError):
        holder.read(Input(io.BytesIO(data), "table"))
