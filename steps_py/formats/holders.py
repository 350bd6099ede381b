"""How one entry of a table is read and written (src/util/kaldi-holder-inl.h).

A holder is any object with these three methods:

    read(stream, span=None)   -> value from an `Input`; `span` is a range such as "3:20,0:4"
    encode(value, binary)     -> bytes
    evaluate(command)         -> value of the pipe ``command |`` without a shell, or None

Values: matrices float32 or float64 (T, D), vectors (D,), int, float, str, list of str, list of
int. Arrays that are read are writable and not shared. The holder of recordings is in
steps_py/audio/wave_holder.py.
"""

from typing import TYPE_CHECKING

from steps_py.formats.basic_types import (
    INT32,
    MARKER,
    checked_int,
    encode_float,
    encode_int,
    encode_token,
    float32,
    read_float,
    read_int,
    read_marker,
)

if TYPE_CHECKING:
    from steps_py.formats.streams import Input


class Holder:
    """Base class of holders.

    `alone` is true if a file with one such object must end after it.
    """

    alone = False

    def read(self, stream, span=None):
        raise NotImplementedError

    def encode(self, value, binary: bool):
        raise NotImplementedError

    def evaluate(self, command: str):
        return None


def refuse_span(stream: "Input", span, kind: str) -> None:
    if span is not None:
        stream.fail(f"a range [{span}] of {kind}. Remove the range.")


class _MatrixHolder(Holder):
    """A matrix, stored as float32, float64 or compressed.

    With `method`, one of Kaldi's seven, matrices are written compressed.
    """

    alone = True

    def __init__(self, dtype, method=None):
        self._dtype = dtype
        self._method = method

    def read(self, stream, span=None):
        from steps_py.formats.arrays import read_matrix  # start-up time

        return read_matrix(stream, self._dtype, span)

    def encode(self, value, binary):
        from steps_py.formats.arrays import encode_matrix  # start-up time

        return encode_matrix(value, binary, self._dtype, self._method)


class _VectorHolder(Holder):
    """A vector, stored as float32 or float64."""

    alone = True

    def __init__(self, dtype):
        self._dtype = dtype

    def read(self, stream, span=None):
        from steps_py.formats.arrays import read_vector  # start-up time

        return read_vector(stream, self._dtype, span)

    def encode(self, value, binary):
        from steps_py.formats.arrays import encode_vector  # start-up time

        return encode_vector(value, binary, self._dtype)


class _IntHolder(Holder):
    """A 32-bit integer; in text, alone on its line."""

    def read(self, stream, span=None):
        refuse_span(stream, span, "an integer")
        if read_marker(stream):
            return read_int(stream)
        return _to_int(stream, _one_word(stream, "an integer"))

    def encode(self, value, binary):
        return MARKER + encode_int(value) if binary else b"%d \n" % checked_int(value)


class _IntsHolder(Holder):
    """A list of 32-bit integers; in text, the rest of the line."""

    def read(self, stream, span=None):
        refuse_span(stream, span, "a list of integers")
        if not read_marker(stream):
            return [_to_int(stream, word) for word in _words(stream)]
        count = read_int(stream)
        body = stream.take(5 * count, f"{count} integers")
        if body[::5].strip(b"\4"):
            stream.fail("an element that is no 32-bit integer. The file is damaged.")
        return [value for _, value in INT32.iter_unpack(body)]

    def encode(self, value, binary):
        if binary:
            return MARKER + encode_int(len(value)) + b"".join(map(encode_int, value))
        return b"".join(b"%d " % checked_int(item) for item in value) + b"\n"


class _FloatHolder(Holder):
    """A number; written in single precision, read in either."""

    def read(self, stream, span=None):
        refuse_span(stream, span, "a number")
        if not read_marker(stream):
            return _to_float(stream, _one_word(stream, "a number"))
        return read_float(stream)

    def encode(self, value, binary):
        return MARKER + encode_float(value) if binary else b"%.7g \n" % float32(value)


class _TokenHolder(Holder):
    """A word, alone on its line."""

    def read(self, stream, span=None):
        refuse_span(stream, span, "a word")
        return _one_word(stream, "a word").decode(errors="surrogateescape")

    def encode(self, value, binary):
        return encode_token(value) + b"\n"


class _TokensHolder(Holder):
    """The words of a line."""

    def read(self, stream, span=None):
        refuse_span(stream, span, "a list of words")
        return [word.decode(errors="surrogateescape") for word in _words(stream)]

    def encode(self, value, binary):
        return b"".join(encode_token(word) + b" " for word in value) + b"\n"


def _one_word(stream, what):
    words = _words(stream)
    if len(words) != 1:
        stream.fail(f"{len(words)} words, expected {what}. Write one on each line.")
    return words[0]


def _words(stream):
    line = stream.line()
    if line is None:
        stream.fail("ends after the key. The file is truncated.")
    return line.split()


def _to_int(stream, word):
    try:
        value = int(word)
    except ValueError:
        value = None
    if value is None or b"_" in word or not -(2**31) <= value < 2**31:
        stream.fail(f"'{word[:20].decode(errors='replace')}' is no 32-bit integer.")
    return value


def _to_float(stream, word):
    try:
        if b"_" in word:
            raise ValueError
        return float(word)
    except ValueError:
        stream.fail(f"'{word[:20].decode(errors='replace')}' is no number.")


FLOAT_MATRIX = _MatrixHolder("float32")
DOUBLE_MATRIX = _MatrixHolder("float64")
FLOAT_VECTOR = _VectorHolder("float32")
DOUBLE_VECTOR = _VectorHolder("float64")
INT = _IntHolder()
INTS = _IntsHolder()
FLOAT = _FloatHolder()
TOKEN = _TokenHolder()
TOKENS = _TokensHolder()


def COMPRESSED_MATRIX(method: int = 1):
    """The holder that writes matrices compressed by `method`, 1 to 7."""
    return _MatrixHolder("float32", method)
