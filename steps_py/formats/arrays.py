"""Matrices and vectors on file, binary and text (src/matrix/kaldi-{matrix,vector}.cc).

Shape suffixes (scope: this module):
    T = rows   D = columns
"""

import struct
from typing import TYPE_CHECKING

import numpy as np

from steps_py.errors import TableError
from steps_py.formats import compressed
from steps_py.formats.basic_types import MARKER, read_int, read_marker
from steps_py.formats.specifiers import resolve_range

if TYPE_CHECKING:
    from steps_py.formats.streams import Input

_MATRIX_HEADER = struct.Struct("<2s3sbibi")  # marker, token, size, rows, size, columns
_VECTOR_HEADER = struct.Struct("<2s3sbi")  # marker, token, size, dimension
_SIZES = {b"F": np.dtype("<f4"), b"D": np.dtype("<f8")}


def read_matrix(stream: "Input", dtype: str, span=None) -> np.ndarray:
    """Read the next matrix of `stream`, or the range `span` of it, as `dtype` (T, D).

    Raises
    ------
    TableError
        If it is no matrix, is truncated, or the range does not fit.
    """
    fast = None if span else _read_plain(stream, dtype)
    if fast is not None:
        return fast
    if not read_marker(stream):
        return _part(stream, _read_text_matrix(stream, dtype), span)
    return read_binary_matrix(stream, dtype, span)


def read_binary_matrix(stream: "Input", dtype: str, span=None) -> np.ndarray:
    """`read_matrix` after the marker of binary data, as within larger objects."""
    token = stream.word("a matrix type", limit=64)
    if stream.take(1) != b" " or token not in (b"FM", b"DM", b"CM", b"CM2", b"CM3"):
        found = token[:20].decode(errors="replace")
        stream.fail(
            f"expected a matrix (FM, DM, CM), found '{found}'. Is it a table of another kind?"
        )
    if token[:1] == b"C":
        return _read_compressed(stream, token, span).astype(dtype, copy=False)
    num_rows, num_cols = read_int(stream), read_int(stream)
    _check_shape(stream, num_rows, num_cols)
    on_file = _SIZES[token[:1]]
    if span is None:
        return _read_rows(stream, num_rows, num_cols, on_file, dtype)
    row, row_end, col, col_end = resolve_range(span, num_rows, num_cols, stream.name)
    row_bytes = num_cols * on_file.itemsize
    stream.check_holds(num_rows * row_bytes, "a matrix")
    stream.skip(row * row_bytes)
    x_TD = _read_rows(stream, row_end - row, num_cols, on_file, dtype)
    stream.skip((num_rows - row_end) * row_bytes)
    return np.ascontiguousarray(x_TD[:, col:col_end])


def _read_plain(stream, dtype):
    """Fast path: a binary matrix of the requested type that is not empty, else None."""
    head = stream.peek(_MATRIX_HEADER.size)
    if len(head) < _MATRIX_HEADER.size:
        return None
    marker, token, size1, num_rows, size2, num_cols = _MATRIX_HEADER.unpack(head)
    on_file = _SIZES[b"F" if dtype == "float32" else b"D"]
    wanted = b"FM " if dtype == "float32" else b"DM "
    if marker != MARKER or token != wanted or size1 != 4 or size2 != 4:
        return None
    if num_rows <= 0 or num_cols <= 0:
        return None
    stream.take(_MATRIX_HEADER.size)
    return _read_rows(stream, num_rows, num_cols, on_file, dtype)


def _read_rows(stream, num_rows, num_cols, on_file, dtype):
    what = f"a {num_rows} x {num_cols} matrix"
    body = stream.take_own(num_rows * num_cols * on_file.itemsize, what)
    return _cast(np.frombuffer(body, on_file).reshape(num_rows, num_cols), dtype)


def _read_compressed(stream, token, span):
    header = compressed.HEADER.unpack(stream.take(compressed.HEADER.size, "a matrix header"))
    _check_shape(stream, *header[2:])
    if header[2] == 0:
        if stream.peek(4) == b"\0\0\0\0":  # Kaldi writes four bytes more than it reads
            stream.take(4)
        return _part(stream, np.zeros((0, 0), np.float32), span)
    bounds = span and resolve_range(span, *header[2:], stream.name)
    num_bytes = compressed.num_body_bytes(token, *header[2:])
    body = stream.take(num_bytes, f"a compressed {header[2]} x {header[3]} matrix")
    return compressed.decompress(token, header, body, bounds)


def _check_shape(stream, num_rows, num_cols):
    if num_rows < 0 or num_cols < 0 or (num_rows == 0) != (num_cols == 0):
        stream.fail(f"a matrix of {num_rows} x {num_cols}. The file is damaged.")


def _part(stream, x_TD, span):
    if span is None:
        return x_TD
    row, row_end, col, col_end = resolve_range(span, *x_TD.shape, stream.name)
    return np.ascontiguousarray(x_TD[row:row_end, col:col_end])


def read_vector(stream: "Input", dtype: str, span=None) -> np.ndarray:
    """Read the next vector of `stream`, or the range `span` of it, as `dtype` (D,)."""
    fast = None if span else _read_plain_vector(stream, dtype)
    if fast is not None:
        return fast
    if not read_marker(stream):
        x_D = _read_text_vector(stream, dtype)
    else:
        x_D = read_binary_vector(stream, dtype)
    if span is None:
        return x_D
    if "," in span:
        stream.fail(f"a range [{span}] of a vector. Write [first:last].")
    first, end, _, _ = resolve_range(span, len(x_D), 1, stream.name)
    return x_D[first:end].copy()


def read_binary_vector(stream: "Input", dtype: str) -> np.ndarray:
    """`read_vector` after the marker of binary data, as within larger objects."""
    token = stream.word("a vector type", limit=64)
    if stream.take(1) != b" " or token not in (b"FV", b"DV"):
        found = token[:20].decode(errors="replace")
        stream.fail(f"expected a vector (FV, DV), found '{found}'. Is it a table of another kind?")
    dim, on_file = read_int(stream), _SIZES[token[:1]]
    body = stream.take_own(dim * on_file.itemsize, f"a vector of {dim}")
    return _cast(np.frombuffer(body, on_file), dtype)


def _read_plain_vector(stream, dtype):
    """Fast path: a binary vector of the requested type, else None."""
    head = stream.peek(_VECTOR_HEADER.size)
    if len(head) < _VECTOR_HEADER.size:
        return None
    marker, token, size, dim = _VECTOR_HEADER.unpack(head)
    letter = b"F" if dtype == "float32" else b"D"
    if marker != MARKER or token != letter + b"V " or size != 4 or dim < 0:
        return None
    stream.take(_VECTOR_HEADER.size)
    body = stream.take_own(dim * _SIZES[letter].itemsize, f"a vector of {dim}")
    return _cast(np.frombuffer(body, _SIZES[letter]), dtype)


def _read_text_matrix(stream, dtype):
    body = _brackets(stream, "a matrix").replace(b";", b"\n")
    rows = [row.split() for row in body.split(b"\n")]
    rows = [row for row in rows if row]
    if not rows:
        return np.zeros((0, 0), dtype)
    uneven = [number for number, row in enumerate(rows) if len(row) != len(rows[0])]
    if uneven:
        stream.fail(
            f"a matrix whose row {uneven[0]} has {len(rows[uneven[0]])} numbers,"
            f" its first {len(rows[0])}."
        )
    return _numbers(stream, body, dtype).reshape(len(rows), -1)


def _read_text_vector(stream, dtype):
    body = _brackets(stream, "a vector")
    if b"\n" in body.strip():
        stream.fail("a vector with line breaks in it. Is it a matrix?")
    return _numbers(stream, body, dtype)


def _brackets(stream, what):
    """The text between [ and ]; the line break after them is skipped."""
    word = stream.word(what)
    if word not in (b"[", b"[]"):
        found = word[:20].decode(errors="replace")
        stream.fail(f"expected '[' of {what}, found '{found}'. Is it a table of another kind?")
    body = b"" if word == b"[]" else stream.until(b"]", what)[:-1]
    if stream.peek() == b"\r":
        stream.take(1)
    if stream.peek() == b"\n":
        stream.take(1)
    if b"_" in body:  # Python would read 1_0 as 10
        stream.fail(f"'_' in {what}. Only numbers are allowed.")
    return body


def _numbers(stream, text, dtype):
    """The numbers in a text, with white space between them."""
    try:
        if text.strip() and b"(" not in text:  # numpy takes nan(...)
            return _cast(np.fromstring(text, sep=" "), dtype)
    except ValueError:
        pass  # the error of float names the text
    try:
        return _cast(np.array(list(map(float, text.split()))), dtype)
    except ValueError as error:
        stream.fail(f"text that is no number: {str(error)[:60]}.")


def encode_matrix(x_TD: np.ndarray, binary: bool, dtype: str, method: int | None = None) -> bytes:
    """The bytes of a matrix in Kaldi's format; with `method` compressed, if binary."""
    x_TD = np.asarray(x_TD)
    if x_TD.ndim != 2:
        raise TableError(f"expected a matrix, got an array of shape {x_TD.shape}.")
    if x_TD.size == 0:
        x_TD = np.zeros((0, 0), dtype)
    if binary and method is not None:
        return MARKER + compressed.compress(x_TD, method)
    x_TD = _cast(x_TD, dtype)
    if binary:
        token = b"FM " if dtype == "float32" else b"DM "
        head = _MATRIX_HEADER.pack(MARKER, token, 4, x_TD.shape[0], 4, x_TD.shape[1])
        return b"".join((head, x_TD.astype(_SIZES[token[:1]], copy=False)))
    if method is not None and x_TD.size:  # Kaldi decompresses what it writes as text
        x_TD = through_compression(x_TD, method)
    if x_TD.size == 0:
        return b" [ ]\n"
    form = ("\n  " + "%.7g " * x_TD.shape[1]) * x_TD.shape[0]
    return (" [" + form % tuple(x_TD.ravel().tolist()) + "]\n").encode()


def through_compression(x_TD: np.ndarray, method: int) -> np.ndarray:
    """A matrix (T, D) after compression and decompression by one of Kaldi's methods."""
    token, _, rest = compressed.compress(x_TD, method).partition(b" ")
    header = compressed.HEADER.unpack(rest[: compressed.HEADER.size])
    return compressed.decompress(token, header, rest[compressed.HEADER.size :])


def encode_vector(x_D: np.ndarray, binary: bool, dtype: str) -> bytes:
    """The bytes of a vector in Kaldi's format."""
    x_D = np.asarray(x_D)
    if x_D.ndim != 1:
        raise TableError(f"expected a vector, got an array of shape {x_D.shape}.")
    x_D = _cast(x_D, dtype)
    if binary:
        token = b"FV " if dtype == "float32" else b"DV "
        head = _VECTOR_HEADER.pack(MARKER, token, 4, len(x_D))
        return b"".join((head, x_D.astype(_SIZES[token[:1]], copy=False)))
    return (" [ " + "%.7g " * len(x_D) % tuple(x_D.tolist()) + "]\n").encode()


def _cast(x, dtype):
    if x.dtype == dtype:
        return np.ascontiguousarray(x)
    with np.errstate(over="ignore", invalid="ignore"):
        return np.ascontiguousarray(x, dtype=dtype)
