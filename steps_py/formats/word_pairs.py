"""Text with two words per line (trial lists, scores with labels), read in blocks.

A trial list can have millions of lines: they are checked, split and written as blocks of bytes,
not line by line.

Shape suffixes (scope: this module):
    L = lines of a block
"""

from collections.abc import Iterator

import numpy as np

from steps_py.errors import KaldiError

_BLOCK_BYTES = 1 << 22  # larger blocks are slower: page faults of new memory
_OTHER_SPACE = (b"\t", b"\r", b"\v", b"\f")


def read_blocks(
    stream, expected: str, block_bytes: int = _BLOCK_BYTES
) -> Iterator[tuple[list[bytes], list[bytes], bytes]]:
    """Blocks of whole lines as (first words, second words, text).

    The words are lists of bytes; the text is the lines with one space in each and a
    newline after each. KaldiError names the first line that does not have two words; `expected`
    is the last sentence of its message.
    """
    first_line = 1
    while data := stream.read(block_bytes):
        data += (stream.line() or b"") if not data.endswith(b"\n") else b""
        data += b"" if data.endswith(b"\n") else b"\n"
        words = data.split()
        if not _is_canonical(data, len(words)):
            data = _canonical(data, first_line, stream.name, expected)
            words = data.split()
        first_line += len(words) // 2
        yield words[0::2], words[1::2], data


def _is_canonical(data, num_words):
    """Whether all lines are ``word space word newline``."""
    if any(space in data for space in _OTHER_SPACE):
        return False
    byte = np.frombuffer(data, np.uint8)
    separators = byte[(byte == 32) | (byte == 10)]
    return (
        len(separators) == num_words
        and num_words % 2 == 0
        and bool((separators[0::2] == 32).all() and (separators[1::2] == 10).all())
    )


def _canonical(data, first_line, name, expected):
    lines = []
    for number, line in enumerate(data[:-1].split(b"\n"), first_line):
        words = line.split()
        if len(words) != 2:
            shown = line[:60].decode(errors="replace")
            raise KaldiError(f"{name}:{number}: {len(words)} fields in '{shown}'. {expected}")
        lines.append(words[0] + b" " + words[1] + b"\n")
    return b"".join(lines)


def look_up(words: list[bytes], row_of: dict[bytes, int]) -> np.ndarray:
    """Rows of words by a dict from bytes to rows, -1 for missing words; int64 (L,)."""
    rows = map(row_of.get, words)
    try:
        return np.fromiter(rows, np.int64, len(words))
    except TypeError:  # None: a word is missing
        return np.fromiter((row_of.get(word, -1) for word in words), np.int64, len(words))


def keep_lines(text: bytes, keep_L: np.ndarray) -> bytes:
    """The lines for which `keep_L` holds."""
    lines = text[:-1].split(b"\n")
    kept = [line for line, keep in zip(lines, keep_L.tolist(), strict=True) if keep]
    return b"".join(line + b"\n" for line in kept)


def with_numbers(text: bytes, value_L: np.ndarray) -> bytes:
    r"""The lines with a number after each, in Kaldi's format.

    >>> with_numbers(b"a b\nc d\n", np.array([0.5, -1e-7]))
    b'a b 0.5\nc d -1e-07\n'
    """
    form = text.replace(b"%", b"%%").replace(b"\n", b" %.7g\n")
    return form % tuple(value_L.tolist())
