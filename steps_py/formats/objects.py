"""Kaldi's objects token by token: ``<DiagGMM> <GCONSTS> FV ...``, binary and text.

Sources: src/base/io-funcs-inl.h, src/matrix/packed-matrix.cc. A model or accumulator is a sequence
of tokens and values; `ObjectReader` and `ObjectWriter` handle both modes, and `ObjectHolder` makes
an object readable and writable by `read_object` and `write_object`.

Shape suffixes (scope: this module):
    P = elements of a packed symmetric matrix
"""

import struct

import numpy as np

from steps_py.errors import TableError
from steps_py.formats.arrays import (
    encode_matrix,
    encode_vector,
    read_binary_matrix,
    read_binary_vector,
    read_matrix,
    read_vector,
)
from steps_py.formats.basic_types import (
    MARKER,
    encode_float,
    encode_int,
    read_float,
    read_int,
    read_marker,
)
from steps_py.formats.holders import Holder, refuse_span
from steps_py.formats.triangles import packed_size, triangle_dim

_UINT16 = struct.Struct("<bH")
_LONGEST_TOKEN = 4096


class ObjectReader:
    """Reads tokens and values from an Input; errors are TableErrors that name file and byte."""

    def __init__(self, stream, binary: bool):
        self.stream, self.binary = stream, binary
        self.where = ""
        self._ahead = None

    def fail(self, problem: str) -> None:
        self.stream.fail(f"{self.where}{problem}")

    def token(self) -> str:
        """The next token."""
        if self._ahead is not None:
            token, self._ahead = self._ahead, None
            return token
        token = self.stream.word("a token", limit=_LONGEST_TOKEN).decode(errors="replace")
        if not token:
            self.fail("the file ends where a token belongs. It is truncated.")
        if self.binary and self.stream.take(1) != b" ":
            self.fail(f"no space after '{token[:40]}'. The file is damaged.")
        return token

    def peek(self) -> str:
        """The next token, which stays to be read."""
        self._ahead = self.token()
        return self._ahead

    def expect(self, *tokens: str) -> str:
        """The next token, which must be one of `tokens`."""
        found = self.token()
        if found not in tokens:
            self.fail(f"'{found[:40]}' where {tokens[0]} belongs. The file is damaged.")
        return found

    def value(self, kind: str):
        """The next value: int, uint16, float, double, bool, ints, vector, matrix or packed.

        Arrays are float32; those of kind dvector, dmatrix and dpacked are float64.
        """
        return getattr(self, f"_{kind}")()

    def _word(self, what):
        return self.stream.word(what, limit=_LONGEST_TOKEN).decode(errors="replace")

    def _int(self):
        if self.binary:
            return read_int(self.stream)
        word = self._word("an integer")
        if not word.lstrip("+-").isdecimal() or len(word) > 11 or abs(int(word)) >= 2**31:
            self.fail(f"'{word[:40]}' where an integer belongs.")
        return int(word)

    def _uint16(self):
        if not self.binary:
            return self._int()
        size, value = _UINT16.unpack(self.stream.take(_UINT16.size, "an integer"))
        if size != -2:
            self.fail(f"an integer of {size} bytes where one of 2 belongs. The file is damaged.")
        return value

    def _float(self):
        if self.binary:
            return read_float(self.stream)
        word = self._word("a number")
        try:
            return float("no number" if "_" in word else word)
        except ValueError:
            self.fail(f"'{word[:40]}' where a number belongs.")

    _double = _float  # files of either precision can be read

    def _bool(self):
        word = self.stream.take(1).decode("latin-1") if self.binary else self._word("T or F")
        if word not in ("T", "F"):
            self.fail(f"{word[:40]!r} where T or F belongs.")
        return word == "T"

    def _ints(self):
        return self._array(_read_binary_ints if self.binary else _read_text_ints, "int32")

    def _vector(self, dtype="float32"):
        return self._array(read_binary_vector if self.binary else read_vector, dtype)

    def _matrix(self, dtype="float32"):
        return self._array(read_binary_matrix if self.binary else read_matrix, dtype)

    def _packed(self, dtype="float32"):
        return self._array(_read_binary_packed if self.binary else _read_text_packed, dtype)

    def _dvector(self):
        return self._vector("float64")

    def _dmatrix(self):
        return self._matrix("float64")

    def _dpacked(self):
        return self._packed("float64")

    def _array(self, read, dtype):
        try:
            return read(self.stream, dtype)
        except TableError as error:
            where = f" ({self.where.rstrip(': ')})" if self.where else ""
            raise TableError(f"{error}{where}") from None


class ObjectWriter:
    """Collects what is written; `data` returns it.

    >>> writer = ObjectWriter(binary=False)
    >>> writer.token("<DIM>")
    >>> writer.value("int", 3)
    >>> writer.data()
    b'<DIM> 3 '
    """

    def __init__(self, binary: bool):
        self.binary = binary
        self._parts = []

    def data(self) -> bytes:
        return b"".join(self._parts)

    def raw(self, data: bytes) -> None:
        self._parts.append(data)

    def token(self, token: str) -> None:
        self.raw(f"{token} ".encode())

    def line_break(self) -> None:
        """A line break, in text only."""
        if not self.binary:
            self.raw(b"\n")

    def value(self, kind: str, value) -> None:
        """Append a value of one of the kinds of `ObjectReader.value`."""
        self.raw(getattr(self, f"_{kind}")(value))

    def _int(self, value):
        return encode_int(value) if self.binary else b"%d " % value

    def _uint16(self, value):
        return _UINT16.pack(-2, value) if self.binary else b"%d " % value

    def _float(self, value):
        return encode_float(value) if self.binary else b"%.7g " % value

    def _double(self, value):
        return struct.pack("<bd", 8, value) if self.binary else b"%.7g " % value

    def _bool(self, value):
        letter = b"T" if value else b"F"
        return letter if self.binary else letter + b" "

    def _ints(self, value):
        if self.binary:
            return encode_int(len(value)) + np.asarray(value, "<i4").tobytes()
        return b"[ " + b"".join(b"%d " % item for item in value) + b"]\n"

    def _vector(self, value, dtype="float32"):
        return encode_vector(value, self.binary, dtype).removeprefix(MARKER)

    def _matrix(self, value, dtype="float32"):
        return encode_matrix(value, self.binary, dtype).removeprefix(MARKER)

    def _packed(self, value, dtype="float32"):
        return _encode_packed(value, self.binary, dtype)

    def _dvector(self, value):
        return self._vector(value, "float64")

    def _dmatrix(self, value):
        return self._matrix(value, "float64")

    def _dpacked(self, value):
        return self._packed(value, "float64")


class ObjectHolder(Holder):
    """The holder of one kind of object.

    `read_from(reader)` returns the object from an ObjectReader, `write_to(writer, value)` appends
    it to an ObjectWriter; `what` is for messages.
    """

    def __init__(self, what: str, read_from, write_to):
        self._what, self._read_from, self._write_to = what, read_from, write_to

    def read(self, stream, span=None):
        refuse_span(stream, span, self._what)
        return self._read_from(ObjectReader(stream, read_marker(stream)))

    def encode(self, value, binary):
        writer = ObjectWriter(binary)
        if binary:
            writer.raw(MARKER)
        self._write_to(writer, value)
        return writer.data()


def _read_binary_ints(stream, dtype):
    count = read_int(stream)
    return np.frombuffer(stream.take(4 * count, f"{count} integers"), "<i4").astype(dtype)


def _read_text_ints(stream, dtype):
    word = stream.word("a list of integers")
    if word != b"[":
        found = word[:20].decode(errors="replace")
        stream.fail(f"'{found}' where '[' of a list of integers belongs. The file is damaged.")
    try:
        body = stream.until(b"]", "a list of integers")[:-1]
        return np.array([int(item) for item in body.split()], dtype)
    except ValueError as error:
        stream.fail(f"text that is no integer: {str(error)[:60]}.")


def _read_binary_packed(stream, dtype):
    token = stream.word("a matrix type", limit=64)
    if stream.take(1) != b" " or token not in (b"FP", b"DP"):
        found = token[:20].decode(errors="replace")
        stream.fail(f"'{found}' where a packed matrix (FP, DP) belongs. The file is damaged.")
    dim = read_int(stream)
    if dim < 0:
        stream.fail(f"a packed matrix of dimension {dim}. The file is damaged.")
    on_file = np.dtype("<f4" if token == b"FP" else "<f8")
    body = stream.take_own(packed_size(dim) * on_file.itemsize, f"a packed matrix of {dim}")
    return np.frombuffer(body, on_file).astype(dtype, copy=False)


def _read_text_packed(stream, dtype):
    word = stream.word("a packed matrix")
    if word not in (b"[", b"[]"):
        found = word[:20].decode(errors="replace")
        stream.fail(f"'{found}' where '[' of a packed matrix belongs. The file is damaged.")
    body = b"" if word == b"[]" else stream.until(b"]", "a packed matrix")[:-1]
    if stream.peek() == b"\n":
        stream.take(1)
    try:
        x_P = np.array([float(number) for number in body.split()], dtype)
    except ValueError as error:
        stream.fail(f"text that is no number: {str(error)[:60]}.")
    dim = triangle_dim(len(x_P))
    if packed_size(dim) != len(x_P):
        stream.fail(f"a packed matrix of {len(x_P)} numbers, which fill no triangle.")
    return x_P


def _encode_packed(x_P, binary, dtype):
    dim = triangle_dim(len(x_P))
    if binary:
        token, on_file = (b"FP ", "<f4") if dtype == "float32" else (b"DP ", "<f8")
        return token + encode_int(dim) + np.asarray(x_P).astype(on_file).tobytes()
    if dim == 0:
        return b"[ ]\n"
    numbers = np.asarray(x_P).astype(dtype).tolist()
    rows, at = [], 0
    for size in range(1, dim + 1):
        rows.append("%.7g " * size % tuple(numbers[at : at + size]))
        at += size
    return ("[\n" + "\n".join(rows) + "]\n").encode()
