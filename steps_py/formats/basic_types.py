"""Basic types in Kaldi's files: binary marker, integers, floats, words (src/base/io-funcs.cc)."""

import struct
from typing import TYPE_CHECKING

from steps_py.errors import TableError

if TYPE_CHECKING:
    from steps_py.formats.streams import Input

MARKER = b"\0B"
INT32 = struct.Struct("<bi")  # size, value
_FLOAT = struct.Struct("<bf")
_DOUBLE = struct.Struct("<bd")


def read_marker(stream: "Input") -> bool:
    """Kaldi's InitKaldiInputStream: whether a binary object follows; its marker is skipped."""
    start = stream.peek(2)
    if start[:1] != b"\0":
        return False
    if start != MARKER:
        stream.fail("a NUL byte, but no binary marker (NUL, B). The file is no Kaldi table.")
    stream.take(2)
    return True


def read_int(stream: "Input") -> int:
    """A binary int32, with its size before it."""
    size, value = INT32.unpack(stream.take(INT32.size, "an integer"))
    if size != 4:
        stream.fail(f"an integer of {size} bytes, expected 4. The file is damaged.")
    return value


def read_float(stream: "Input") -> float:
    """A binary float or double, with its size before it."""
    if stream.peek() == b"\x08":
        return _DOUBLE.unpack(stream.take(_DOUBLE.size, "a number"))[1]
    size, value = _FLOAT.unpack(stream.take(_FLOAT.size, "a number"))
    if size != 4:
        stream.fail(f"a number of {size} bytes, expected 4 or 8. The file is damaged.")
    return value


def encode_int(value: int) -> bytes:
    return INT32.pack(4, checked_int(value))


def encode_float(value: float) -> bytes:
    """A binary float; values beyond its range become infinite, as by a cast in C++."""
    try:
        return _FLOAT.pack(4, value)
    except OverflowError:
        return _FLOAT.pack(4, float("inf") if value > 0 else float("-inf"))


def float32(value: float) -> float:
    """The nearest number in single precision, as in Kaldi's options and tables.

    >>> float32(0.1) > 0.1
    True
    """
    return _FLOAT.unpack(encode_float(value))[1]


def encode_token(token: str) -> bytes:
    """A word as bytes; TableError if white space in it would break the format."""
    if not is_token(token):
        raise TableError(f"'{token}': cannot be written as a word. Remove the white space.")
    return token.encode(errors="surrogateescape")


def is_token(text: str) -> bool:
    """Kaldi's IsToken: not empty, no white space, no control characters.

    >>> is_token("utt-1"), is_token("utt 1"), is_token("")
    (True, False, False)
    """
    return bool(text) and not any(char <= " " or char == "\x7f" for char in text)


def checked_int(value: int) -> int:
    if not -(2**31) <= value < 2**31:
        raise TableError(f"{value}: does not fit into the 32 bits of Kaldi's integers.")
    return int(value)
