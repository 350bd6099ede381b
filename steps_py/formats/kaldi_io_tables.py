"""Kaldi's tables of vectors and matrices as dicts, by the package kaldi-io, for interactive use.

The commands and stages use `steps_py.formats.tables`, which streams, reports the byte position of
a fault, and starts in a fraction of the time. Known faults of kaldi-io 0.9.8 are handled here: its
import changes KALDI_ROOT and PATH and prints, a truncated archive gives shorter arrays without an
error, unreadable matrices of a script file are skipped, names that end in ``|`` are run as
commands, keys are decoded as Latin-1, arrays are not writable.

>>> import tempfile, numpy as np
>>> folder = tempfile.mkdtemp()
>>> write_vectors(f"{folder}/x.ark", {"anna": np.array([1, 2]), "ben": np.array([3, 4])})
>>> read_vectors(f"{folder}/x.ark")["ben"]
array([3., 4.], dtype=float32)
"""

import contextlib
import functools
import io
import os
from typing import Any

import numpy as np

from steps_py.errors import TableError
from steps_py.files import atomic_write
from steps_py.formats.archives import Locations
from steps_py.formats.arrays import read_matrix
from steps_py.formats.basic_types import encode_token
from steps_py.formats.entries import read_script
from steps_py.formats.streams import open_input

_START_BYTES = 5
_LONGEST_KEY = 4096


def read_vectors(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """{key: float array (D,)} of an archive, or of a script file (``.scp``); binary or text.

    Raises
    ------
    TableError
        Naming the file and the key: missing, truncated, damaged, duplicate, or no vector.
    """
    return _read(path, "read_vec_flt")


def read_matrices(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """{key: float array (T, D)} of an archive, or of a script file (``.scp``); see `read_vectors`.

    Compressed matrices are decompressed.
    """
    return _read(path, "read_mat")


def write_vectors(
    path: str | os.PathLike, vectors: dict[str, Any], scp: str | os.PathLike | None = None
) -> None:
    """Write {key: array (D,)} as a binary archive, and a script file beside it if `scp` is given.

    Files are written atomically. Numbers are float32, or float64 if the array is float64.
    Raises TableError for a key with blanks, an array of another shape, or one that is not finite.
    """
    _write(path, vectors, scp, ndim=1, function="write_vec_flt")


def write_matrices(
    path: str | os.PathLike, matrices: dict[str, np.ndarray], scp: str | os.PathLike | None = None
) -> None:
    """Write {key: array (T, D)}; see `write_vectors`."""
    _write(path, matrices, scp, ndim=2, function="write_mat")


def _read(path, function):
    path = os.fspath(path)
    read = getattr(_kaldi_io(), function)
    entries = _script_entries if path.endswith(".scp") else _archive_entries
    table = {}
    for key, file in entries(path):
        where = f"{file.name}, key {key}"
        if key in table:
            raise TableError(f"{where}: comes twice. Make the keys unique.")
        try:
            table[key] = _read_array(file, read)
        except TableError as error:
            raise TableError(f"{where}: {error}") from None
        except Exception as error:  # kaldi-io raises AssertionError and bare classes
            reason = str(error)[:80] or type(error).__name__
            raise TableError(
                f"{where}: cannot be read ({reason}). It is damaged, or a table of another kind."
            ) from None
    return table


def _read_array(file, read):
    start = file.peek(_START_BYTES)
    if start.startswith(b"\0BCM"):  # kaldi-io reads one of the three kinds, with other rounding
        with open_input(file.name) as stream:
            stream.seek(file.tell())
            x_TD = read_matrix(stream, "float32")
            file.seek(stream.tell())
        return x_TD
    array = np.array(read(file))
    if start[:1] != b"\0":
        if array.ndim == 1 and not file.last_line.rstrip().endswith(b"]"):
            raise TableError("the vector has no ']'. The archive is truncated; make it again.")
        return array.astype(np.float32)
    return array


def _archive_entries(path):
    with _Exact(path) as file:
        while (key := file.key()) is not None:
            yield key, file


def _script_entries(path):
    names = read_script(path)
    places = Locations(names.values())
    for row, key in enumerate(names):
        ark, offset = places[row]
        with _Exact(ark) as file:
            file.seek(offset)
            yield key, file


class _Exact:
    """A file object for kaldi-io whose reads return all requested bytes or raise TableError."""

    mode = "rb"  # kaldi-io checks it

    def __init__(self, path):
        try:
            self._file = open(path, "rb")  # noqa: SIM115 - closed by __exit__
        except OSError as error:
            raise TableError(f"{path}: cannot open: {error.strerror}. Check the path.") from None
        self.name, self.last_line = path, b""
        self._size = os.fstat(self._file.fileno()).st_size

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._file.close()

    def key(self):
        """The next key, and skip the blank after it; None at the end."""
        data = bytearray()
        while (byte := self._file.read(1)) not in (b" ", b""):
            data += byte
            if len(data) > _LONGEST_KEY:
                raise TableError(f"{self.name}: no end of a key. The file is no Kaldi archive.")
        if byte == b"" and not data.strip():
            return None
        try:
            key = data.decode().strip()
        except UnicodeDecodeError:
            key = ""
        if byte == b"" or not key or any(map(str.isspace, key)):
            raise TableError(
                f"{self.name}, byte {self._file.tell()}: no key of an archive. The file is"
                " truncated, damaged, or no Kaldi archive."
            )
        return key

    def read(self, size):
        size, left = int(size), self._size - self._file.tell()
        if not 0 <= size <= left:
            raise TableError(
                f"an object of {size} bytes, but {left} bytes are left. The archive is truncated"
                " or damaged; make it again."
            )
        return self._file.read(size)

    def readline(self):
        self.last_line = self._file.readline()
        return self.last_line

    def peek(self, size):
        return self._file.peek(size)[:size]

    def tell(self):
        return self._file.tell()

    def seek(self, offset):
        self._file.seek(offset)


def _write(path, arrays, scp, ndim, function):
    write, checked = getattr(_kaldi_io(), function), {}
    for key, array in arrays.items():
        array = np.asarray(array)
        array = array.astype(np.float64 if array.dtype == np.float64 else np.float32, order="C")
        if array.ndim != ndim or not np.isfinite(array).all():
            what = "not finite" if array.ndim == ndim else f"of shape {array.shape}"
            raise TableError(f"{path}, key {key}: the array is {what}. Nothing is written.")
        checked[encode_token(key)] = array
    with contextlib.ExitStack() as stack:
        out = stack.enter_context(atomic_write(path, "wb"))
        script = stack.enter_context(atomic_write(scp, "wb")) if scp else io.BytesIO()
        for key, array in checked.items():
            out.write(key + b" ")
            script.write(key + f" {path}:{out.tell()}\n".encode())
            write(out, array)


@functools.cache
def _kaldi_io():
    """The package; its import starts a shell and changes the environment, which is restored."""
    environment = dict(os.environ)
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            import kaldi_io  # start-up time
    finally:
        os.environ.clear()
        os.environ.update(environment)
    return kaldi_io
