"""The grammar of components on file: ``<Dim> 24 <ValueAvg>  [ ] ...``, binary and text.

A component lists its Fields in the order of the file.  Sources: src/base/io-funcs.cc and the
Read and Write functions in src/nnet3.
"""

import struct
from dataclasses import dataclass

from steps_py.errors import TableError
from steps_py.formats.arrays import (
    encode_matrix,
    encode_vector,
    read_binary_matrix,
    read_binary_vector,
    read_matrix,
    read_vector,
)
from steps_py.formats.basic_types import MARKER, encode_float, encode_int, read_float, read_int

REQUIRED = object()


@dataclass(frozen=True)
class Field:
    """One value of a component.

    `token` precedes it on file (None: the value follows the last one); `kind` is "int",
    "float", "double" (in 8 bytes), "bool", "flag" (the token alone), "vector" or "matrix".  A
    field with a `default` may be missing, and is written where it differs or is `always`
    written.  A `legacy` field is read over and never written.
    """

    token: str | None
    name: str
    kind: str
    default: object = REQUIRED
    always: bool = False
    legacy: bool = False


class FieldReader:
    """Reads tokens and values from an Input.

    Errors are TableErrors that name the file, the component and the byte.
    """

    def __init__(self, stream, binary: bool):
        self.stream, self.binary = stream, binary
        self.where = ""
        self._ahead = None

    def fail(self, problem: str) -> None:
        self.stream.fail(f"{self.where}{problem}")

    def token(self):
        """The next token."""
        if self._ahead is not None:
            token, self._ahead = self._ahead, None
            return token
        token = self.stream.word("a token", limit=4096).decode(errors="replace")
        if not token:
            self.fail("the file ends where a token belongs. It is truncated.")
        if self.binary and self.stream.take(1) != b" ":
            self.fail(f"no space after '{token[:40]}'. The file is damaged.")
        return token

    def peek(self):
        """The next token, which stays to be read."""
        self._ahead = self.token()
        return self._ahead

    def expect(self, *tokens) -> None:
        found = self.token()
        if found not in tokens:
            self.fail(f"'{found[:40]}' where {tokens[0]} belongs. The file is damaged.")

    def value(self, kind: str):
        """The next value, of one of the kinds of a Field."""
        return getattr(self, f"_{kind}")()

    def fields(self, fields):
        """The values of `fields`, which come next: {name: value}."""
        values = {field.name: field.default for field in fields if not field.legacy}
        for field in fields:
            optional = field.legacy or field.default is not REQUIRED
            if optional and self.peek() != field.token:
                continue
            if field.token is not None:
                self.expect(field.token)
            values[field.name] = True if field.kind == "flag" else self.value(field.kind)
        return values

    def _word(self, what):
        return self.stream.word(what, limit=4096).decode(errors="replace")

    def _int(self):
        if self.binary:
            return read_int(self.stream)
        word = self._word("an integer")
        if not word.lstrip("+-").isdecimal() or len(word) > 11 or abs(int(word)) >= 2**31:
            self.fail(f"'{word[:40]}' where an integer belongs.")
        return int(word)

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

    def _vector(self):
        return self._array(read_binary_vector if self.binary else read_vector)

    def _matrix(self):
        return self._array(read_binary_matrix if self.binary else read_matrix)

    def _array(self, read):
        try:
            return read(self.stream, "float32")
        except TableError as error:
            component = f" ({self.where.rstrip(': ')})" if self.where else ""
            raise TableError(f"{error}{component}") from None


class FieldWriter:
    """Collects what is written; `data` gives it back."""

    def __init__(self, binary: bool):
        self.binary = binary
        self._parts = []

    def data(self) -> bytes:
        return b"".join(self._parts)

    def raw(self, data: bytes) -> None:
        self._parts.append(data)

    def token(self, token: str) -> None:
        self.raw(f"{token} ".encode())

    def value(self, kind: str, value) -> None:
        self.raw(getattr(self, f"_{kind}")(value))

    def fields(self, fields, owner) -> None:
        """The attributes of `owner` that `fields` name, without those that may be missing."""
        for field in fields:
            value = None if field.legacy else getattr(owner, field.name)
            if field.legacy or not (
                field.always or field.default is REQUIRED or value != field.default
            ):
                continue
            if field.token is not None:
                self.token(field.token)
            if field.kind != "flag":
                self.value(field.kind, value)

    def _int(self, value):
        return encode_int(value) if self.binary else b"%d " % value

    def _float(self, value):
        return encode_float(value) if self.binary else b"%.7g " % value

    def _double(self, value):
        return struct.pack("<bd", 8, value) if self.binary else b"%.7g " % value

    def _bool(self, value):
        letter = b"T" if value else b"F"
        return letter if self.binary else letter + b" "

    def _vector(self, value):
        return encode_vector(value, self.binary, "float32").removeprefix(MARKER)

    def _matrix(self, value):
        return encode_matrix(value, self.binary, "float32").removeprefix(MARKER)
