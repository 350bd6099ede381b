"""How one entry of a table is read and written (src/util/kaldi-holder-inl.h).

A holder has three methods, and any object that has them will do (a PLDA model, say):

    read(stream, span=None)   -> value from an `Input`; `span` is a range such as "3:20,0:4"
    encode(value, binary)     -> bytes
    evaluate(command)         -> value of the pipe ``command |`` without a shell, or None

Values: matrices float32 or float64 (T, D), vectors (D,), int, float, str, list of str,
list of int.  What is read is the caller's own: a writable array.  The holder of recordings
is in steps_py/audio/wave_holder.py.
"""

import struct

from steps_py.errors import TableError

_INT = struct.Struct("<bi")
_FLOAT = struct.Struct("<bf")
_DOUBLE = struct.Struct("<bd")
MARKER = b"\0B"


class Holder:
    """What most holders share."""

    def read(self, stream, span=None):
        raise NotImplementedError

    def encode(self, value, binary):
        raise NotImplementedError

    def evaluate(self, command):
        return None


def read_marker(stream):
    """Kaldi's InitKaldiInputStream: is a binary object coming?"""
    start = stream.peek(2)
    if start[:1] != b"\0":
        return False
    if start != MARKER:
        stream.fail("a NUL byte, but no binary marker (NUL, B). The file is no Kaldi table.")
    stream.take(2)
    return True


def refuse_span(stream, span, kind):
    if span is not None:
        stream.fail(f"a range [{span}], but {kind} has none. Leave the range out.")


class _MatrixHolder(Holder):
    """A matrix of float32 or float64, whichever is on file; compressed ones are read too.

    `method` makes it write compressed matrices, by one of Kaldi's seven methods.
    """

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
    """A vector of float32 or float64, whichever is on file."""

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
        return MARKER + encode_int(value) if binary else b"%d \n" % _checked_int(value)


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
        return [value for _, value in _INT.iter_unpack(body)]

    def encode(self, value, binary):
        if binary:
            return MARKER + encode_int(len(value)) + b"".join(map(encode_int, value))
        return b"".join(b"%d " % _checked_int(item) for item in value) + b"\n"


class _FloatHolder(Holder):
    """A number; written in single precision, read in either."""

    def read(self, stream, span=None):
        refuse_span(stream, span, "a number")
        if not read_marker(stream):
            return _to_float(stream, _one_word(stream, "a number"))
        return read_float(stream)

    def encode(self, value, binary):
        return MARKER + encode_float(value) if binary else b"%.7g \n" % value


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


def read_int(stream):
    """A binary int32, with its size before it."""
    size, value = _INT.unpack(stream.take(_INT.size, "an integer"))
    if size != 4:
        stream.fail(f"an integer of {size} bytes where one of 4 belongs. The file is damaged.")
    return value


def read_float(stream):
    """A binary float or double, with its size before it."""
    if stream.peek() == b"\x08":
        return _DOUBLE.unpack(stream.take(_DOUBLE.size, "a number"))[1]
    size, value = _FLOAT.unpack(stream.take(_FLOAT.size, "a number"))
    if size != 4:
        stream.fail(f"a number of {size} bytes where one of 4 or 8 belongs. It is damaged.")
    return value


def encode_int(value):
    return _INT.pack(4, _checked_int(value))


def encode_float(value):
    """A binary float; beyond its range it is infinite, as a cast in C++ makes it."""
    try:
        return _FLOAT.pack(4, value)
    except OverflowError:
        return _FLOAT.pack(4, float("inf") if value > 0 else float("-inf"))


def encode_token(token):
    """A word as bytes; TableError if white space in it would break the format."""
    if not is_token(token):
        raise TableError(f"'{token}': not a word that can be written. Use no white space in it.")
    return token.encode(errors="surrogateescape")


def is_token(text):
    """Kaldi's IsToken: not empty, printable where it is ASCII, no white space.

    >>> is_token("utt-1"), is_token("utt 1"), is_token("")
    (True, False, False)
    """
    return bool(text) and not any(char <= " " or char == "\x7f" for char in text)


def _checked_int(value):
    if not -(2**31) <= value < 2**31:
        raise TableError(f"{value}: does not fit into the 32 bits of Kaldi's integers.")
    return int(value)


def _one_word(stream, what):
    words = _words(stream)
    if len(words) != 1:
        stream.fail(f"{len(words)} words where {what} belongs. Put one on each line.")
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


def COMPRESSED_MATRIX(method=1):
    """The holder that writes compressed matrices by `method`, 1 to 7."""
    return _MatrixHolder("float32", method)
