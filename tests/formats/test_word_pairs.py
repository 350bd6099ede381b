"""Trial lists and labelled scores, read in bulk."""

import numpy as np
import pytest

from steps_py.formats.word_pairs import keep_lines, look_up, read_blocks, with_numbers


class Text:
    """A stream that gives out text in small pieces."""

    name = "list"

    def __init__(self, data):
        self._data = data

    def read(self, size):
        piece, self._data = self._data[:size], self._data[size:]
        return piece

    def line(self):
        line, _, self._data = self._data.partition(b"\n")
        return line or None


@pytest.mark.parametrize("block_bytes", [1, 5, 1000])
@pytest.mark.parametrize(
    "data", [b"a b\ncc dd\ne f\n", b"a b\ncc dd\ne f", b" a\tb \ncc  dd\r\ne f\n"]
)
def test_blocks_are_whole_lines_for_any_white_space(data, block_bytes):
    blocks = list(read_blocks(Text(data), "two words", block_bytes))
    assert [word for first, _, _ in blocks for word in first] == [b"a", b"cc", b"e"]
    assert [word for _, second, _ in blocks for word in second] == [b"b", b"dd", b"f"]
    assert b"".join(text for _, _, text in blocks) == b"a b\ncc dd\ne f\n"


def test_words_are_looked_up_and_lines_kept():
    rows = look_up([b"x", b"y", b"x"], {b"x": 7})
    assert rows.tolist() == [7, -1, 7]
    assert keep_lines(b"x a\ny b\nx c\n", rows >= 0) == b"x a\nx c\n"


def test_numbers_have_seven_digits_and_percent_signs_survive():
    values = np.array([1234567.891, 0.1, -np.inf])
    assert with_numbers(b"a% b\nc d\ne %s\n", values) == b"a% b 1234568\nc d 0.1\ne %s -inf\n"
