"""Random access to matrices and vectors in Kaldi's archives: any rows, without reading the rest.

A script file has the position of each matrix (``feats.ark:1234``). An index keeps the content of
the headers, so that later reads fetch only the requested bytes, compressed or not.

The package kaldi-io reads whole matrices only, parses a header at each read, knows one of the
three kinds of compressed matrices, and does not notice a truncated archive. Training reads a few
hundred frames of an utterance at a time, millions of times, also as raw bytes that are decoded on
the GPU, so the project has its own reader; benchmarks/chunks.py measures it.

Shape suffixes (scope: this module):
    T = frames   D = feature dimension   U = matrices   K = fields of an index entry
"""

import contextlib
import os
from collections import OrderedDict
from collections.abc import Iterable, Iterator

import numpy as np

from steps_py.errors import StepsError, TableError
from steps_py.formats import compressed

MAX_OPEN_FILES = 512
HEAD_BYTES = 32  # more than any header has
KINDS = ("FM", "DM", "CM", "CM2", "CM3")
FM, DM, CM, CM2, CM3 = range(5)
_ELEMENT_BYTES = np.array([4, 8, 1, 2, 1])
_DTYPES = {FM: np.dtype("<f4"), DM: np.dtype("<f8")}
_START_OF_TEXT = 4096


def place_of(entry: str) -> tuple[str, int]:
    """(file, byte offset) of an entry of a script file.

    >>> place_of("exp/a.ark:905"), place_of("one.mat")
    (('exp/a.ark', 905), ('one.mat', 0))
    """
    path, _, offset = entry.rpartition(":")
    if not path or not offset.isdecimal():
        path, offset = entry, 0
    if path.endswith(("|", "]")) or path == "-":
        raise TableError(
            f"'{entry}': random access needs an archive. Write the table to one first:"
            " copy-feats scp:feats.scp ark,scp:feats.ark,feats.scp"
        )
    return path, int(offset)


class Locations:
    """The positions of many objects: the entries of a script file, in little memory.

    >>> places = Locations(["exp/a.ark:5", "exp/a.ark:905", "one.mat"])
    >>> places[1], places[2], len(places)
    (('exp/a.ark', 905), ('one.mat', 0), 3)
    """

    def __init__(self, entries: Iterable):
        files, file_id_U, offset_U = {}, [], []
        for entry in entries:
            path, offset = place_of(entry)
            file_id_U.append(files.setdefault(path, len(files)))
            offset_U.append(offset)
        self.files = list(files)
        self.file_id_U = np.array(file_id_U, np.int32)
        self.offset_U = np.array(offset_U, np.int64)

    def __len__(self):
        return len(self.offset_U)

    def __getitem__(self, row):
        return self.files[self.file_id_U[row]], int(self.offset_U[row])

    def in_file_order(self) -> np.ndarray:
        """Rows ordered by file and offset, for sequential reads."""
        return np.lexsort((self.offset_U, self.file_id_U))


class OpenFiles:
    """Reads from files by position; the most recently used files stay open."""

    def __init__(self, limit: int = MAX_OPEN_FILES):
        self._limit = limit
        self._descriptors = OrderedDict()

    def read(self, path: str, offset: int, num_bytes: int) -> bytes:
        """Exactly `num_bytes` bytes; TableError if the file is too short."""
        data = os.pread(self.descriptor(path), num_bytes, offset)
        if len(data) < num_bytes:
            raise truncated(path, self.size(path), num_bytes)
        return data

    def read_some(self, path: str | os.PathLike, offset: int, num_bytes: int) -> bytes:
        """At most `num_bytes` bytes."""
        return os.pread(self.descriptor(path), num_bytes, offset)

    def size(self, path: str | os.PathLike) -> int:
        return os.fstat(self.descriptor(path)).st_size

    def descriptor(self, path: str | os.PathLike) -> int:
        descriptor = self._descriptors.get(path)
        if descriptor is None:
            descriptor = self._descriptors[path] = os.open(path, os.O_RDONLY)
            if len(self._descriptors) > self._limit:
                os.close(self._descriptors.popitem(last=False)[1])
        else:
            self._descriptors.move_to_end(path)
        return descriptor

    def __del__(self):
        for descriptor in self._descriptors.values():
            os.close(descriptor)


def truncated(path: str | os.PathLike, size: int, num_bytes: int) -> TableError:
    return TableError(
        f"{path}: ends at byte {size}, before or within an object of {num_bytes} bytes."
        " The archive is truncated; make it again."
    )


class MatrixIndex:
    """Kind, shape and position of many matrices, read from their headers once, in file order.

    Parameters
    ----------
    names : sequence of str
        For messages.
    places : Locations

    Attributes
    ----------
    kind_U, num_rows_U, num_cols_U : int64 arrays
        `kind_U` are indices into KINDS.
    file_id_U, body_U : int64 arrays
        The file (index into `files`) and the offset of the data; for CM, of the percentiles.
    low_U, width_U : float32 arrays
        Range of compressed matrices.

    Raises
    ------
    TableError
        Naming the matrix: no file, no binary matrix, or the file is truncated.
    """

    def __init__(self, names: list[str] | str, places: Locations):
        self.files, self._names = places.files, names
        self._open = OpenFiles()
        self._decoders = {}  # number of columns -> decoder of CM
        self._whole = np.empty(0, np.uint8)  # buffer for a whole matrix that is stored by columns
        heads_U = np.zeros((len(places), HEAD_BYTES), np.uint8)
        sizes = {}
        for row in places.in_file_order().tolist():
            path, offset = places[row]
            with naming(names[row]):
                head = self._open.read_some(path, offset, HEAD_BYTES)
                if path not in sizes:
                    sizes[path] = self._open.size(path)
            heads_U[row, : len(head)] = np.frombuffer(head, np.uint8)
        self._parse(heads_U, names, places)
        size_U = np.array([sizes[path] for path in self.files], np.int64)[self.file_id_U]
        end_U = self.body_U + self.num_bytes_U
        if (end_U > size_U).any():
            row = int(np.argmax(end_U > size_U))
            with naming(names[row]):
                raise truncated(places[row][0], size_U[row], end_U[row] - places.offset_U[row])
        # one row of integers per matrix, so that a read needs one look-up
        columns = (self.file_id_U, self.body_U, self.num_rows_U, self.num_cols_U, self.kind_U)
        self._entry_UK = np.stack(columns, axis=1)

    def _parse(self, heads_U, names, places):
        kind_U = np.full(len(heads_U), -1)
        for kind, token in enumerate(KINDS):
            marker = np.frombuffer(b"\0B" + token.encode() + b" ", np.uint8)
            kind_U[(heads_U[:, : len(marker)] == marker).all(axis=1)] = kind
        plain_U = kind_U <= DM
        start_U = np.where(kind_U >= CM2, 6, 5)

        def field(skip, dtype):
            at_U4 = (start_U + skip)[:, np.newaxis] + np.arange(4)
            return np.take_along_axis(heads_U, at_U4, axis=1).view(dtype)[:, 0]

        self.kind_U = kind_U
        self.low_U, self.width_U = field(0, "<f4"), field(4, "<f4")
        self.num_rows_U = np.where(plain_U, field(1, "<i4"), field(8, "<i4")).astype(np.int64)
        self.num_cols_U = np.where(plain_U, field(6, "<i4"), field(12, "<i4")).astype(np.int64)
        wrong_U = (kind_U < 0) | (self.num_rows_U < 0) | (self.num_cols_U < 0)
        if wrong_U.any():
            row = int(np.argmax(wrong_U))
            path, offset = places[row]
            raise TableError(
                f"{names[row]}: {path}:{offset}: no binary matrix found. Make the archive and"
                " its script file again; text archives: copy-feats ark,t:x.txt ark,scp:x.ark,x.scp"
            )
        self.file_id_U = places.file_id_U.astype(np.int64)
        self.body_U = places.offset_U + start_U + np.where(plain_U, 10, compressed.HEADER.size)

    def __len__(self):
        return len(self.kind_U)

    @property
    def num_bytes_U(self) -> np.ndarray:
        """Size of the data of each matrix, from `body_U` on."""
        percentiles_U = np.where(self.kind_U == CM, 8, 0)
        return self.num_cols_U * (percentiles_U + self.num_rows_U * _ELEMENT_BYTES[self.kind_U])

    @staticmethod
    def row_bytes(kind: int, num_cols: int) -> int:
        """Bytes of a row of numbers."""
        return num_cols * int(_ELEMENT_BYTES[kind])

    def read_bytes(
        self,
        row_B: np.ndarray,
        first_B: np.ndarray,
        end_B: np.ndarray,
        out: np.ndarray,
        at_B: np.ndarray | None = None,
    ):
        """Read the bytes of rows ``[first_B[b], end_B[b])`` into `out`, from ``at_B[b]`` on.

        Without `at_B`, into the start of each ``out[b]``; `out` is a C-contiguous uint8 array.
        All matrices are of one kind. For CM, which is stored by columns, the result is the
        percentiles of all columns (8 bytes each), then the requested rows of each column.
        """
        if at_B is None:
            at_B = np.arange(len(out)) * out.shape[1]
        if len(row_B) > MAX_OPEN_FILES:  # in parts whose files can all be open at once
            for b in range(0, len(row_B), MAX_OPEN_FILES):
                part = slice(b, b + MAX_OPEN_FILES)
                self.read_bytes(row_B[part], first_B[part], end_B[part], out, at_B[part])
            return
        memory, body_B = memoryview(out.reshape(-1)), self.body_U[row_B]
        kind, num_cols = int(self.kind_U[row_B[0]]), int(self.num_cols_U[row_B[0]])
        if kind != CM:
            step = self.row_bytes(kind, num_cols)
            size_B = (end_B - first_B) * step
            return self._read_parts(row_B, body_B + first_B * step, size_B, memory, at_B)
        whole_B = end_B - first_B == self.num_rows_U[row_B]
        if whole_B.any():
            size_B = num_cols * (8 + end_B - first_B)
            parts = (array_B[whole_B] for array_B in (row_B, body_B, size_B))
            self._read_parts(*parts, memory, at_B[whole_B])
        for b in np.flatnonzero(~whole_B).tolist():
            self._read_columns(int(row_B[b]), int(first_B[b]), int(end_B[b]), memory[at_B[b] :])

    def _read_parts(self, row_B, offset_B, size_B, memory, at_B):
        """Read `size_B` bytes at `offset_B` of the matrices' files to position `at_B` of memory."""
        rows, sizes = row_B.tolist(), size_B.tolist()
        file_ids = self.file_id_U[row_B].tolist()
        row_of, descriptors = dict(zip(file_ids, rows, strict=True)), {}
        try:
            for file_id in row_of:
                descriptors[file_id] = self._open.descriptor(self.files[file_id])
        except OSError:
            with naming(self._names[row_of[file_id]]):
                raise
        # map instead of a loop: Python's overhead per chunk is as long as the copy of its bytes
        places = map(memory.__getitem__, map(slice, at_B.tolist(), (at_B + size_B).tolist()))
        files = map(descriptors.__getitem__, file_ids)
        got = list(map(os.preadv, files, zip(places), offset_B.tolist()))
        if got != sizes:
            b = next(b for b, size in enumerate(sizes) if got[b] != size)
            path = self.files[file_ids[b]]
            with naming(self._names[rows[b]]):
                raise truncated(path, self._open.size(path), sizes[b])

    def _read_columns(self, row, first, end, memory):
        file_id, body, num_rows, num_cols, _ = self._entry_UK[row].tolist()
        split, size = 8 * num_cols, num_cols * (8 + num_rows)
        if len(self._whole) < size:
            self._whole = np.empty(size, np.uint8)
        path = self.files[file_id]
        try:
            got = os.preadv(self._open.descriptor(path), (self._whole[:size],), body)
            if got < size:
                raise truncated(path, self._open.size(path), size)
        except (StepsError, OSError):
            with naming(self._names[row]):
                raise
        memory[:split] = self._whole[:split]
        out_DT = np.frombuffer(memory, np.uint8, num_cols * (end - first), split)
        codes_DT = self._whole[split:size].reshape(num_cols, num_rows)
        out_DT.reshape(num_cols, -1)[...] = codes_DT[:, first:end]

    def rows(self, row: int, first: int, end: int) -> np.ndarray:
        """Rows [first, end) of matrix `row` as float32 (T, D)."""
        file_id, body, num_rows, num_cols, kind = self._entry_UK[row].tolist()
        path = self.files[file_id]
        if kind <= DM:
            dtype = _DTYPES[kind]
            width = num_cols * dtype.itemsize
            data = self._open.read(path, body + first * width, (end - first) * width)
            x_TD = np.frombuffer(data, dtype).reshape(end - first, num_cols)
            return x_TD.astype(np.float32, copy=False)
        low, width = self.low_U[row], self.width_U[row]
        if kind == CM:  # stored by columns: the whole matrix is needed
            data = self._open.read(path, body, num_cols * (8 + num_rows))
            decoder = self._decoders.get(num_cols)
            if decoder is None:
                decoder = self._decoders[num_cols] = compressed.ColumnDecoder(num_cols)
            return decoder.decode((low, width, num_rows, num_cols), data, first, end)
        step = num_cols * (2 if kind == CM2 else 1)
        data = self._open.read(path, body + first * step, (end - first) * step)
        header = (low, width, end - first, num_cols)
        return compressed.decompress(KINDS[kind].encode(), header, data)


def read_vector_at(files: OpenFiles, path: str, offset: int) -> np.ndarray:
    """A float vector in an archive, stored as float32, float64 or text."""
    data = files.read_some(path, offset, _START_OF_TEXT)
    if data.lstrip().startswith(b"["):
        return _read_text_vector(files, path, offset, data)
    dim = int.from_bytes(data[6:10], "little", signed=True)
    if len(data) < 10 or data[:2] != b"\0B" or data[2:5] not in (b"FV ", b"DV ") or dim < 0:
        raise TableError(
            f"{path}:{offset}: no vector found. Make the archive and its script file again."
        )
    dtype = np.dtype("<f4" if data[2:3] == b"F" else "<f8")
    num_bytes = 10 + dim * dtype.itemsize
    if len(data) < num_bytes:
        data = files.read(path, offset, num_bytes)
    return np.frombuffer(data, dtype, dim, offset=10)


def _read_text_vector(files, path, offset, text):
    """A vector `` [ 1 0 1 ]`` in text; reads until the closing bracket."""
    while b"]" not in text:
        more = files.read_some(path, offset + len(text), 3 * len(text))
        if not more:
            raise TableError(
                f"{path}:{offset}: the vector has no ']'. The archive is truncated; make it again."
            )
        text += more
    body = text[text.index(b"[") + 1 : text.index(b"]")]
    letters = np.frombuffer(body, np.uint8)
    digits, blanks = letters[1::2], letters[::2]
    if len(letters) % 2 and (blanks == ord(" ")).all() and (digits - ord("0") < 10).all():
        return (digits - ord("0")).astype(np.float32)  # as compute-vad writes them
    try:
        return np.array(body.split(), dtype=np.float32)
    except ValueError:
        raise TableError(
            f"{path}:{offset}: not a vector of numbers. Make the archive again."
        ) from None


@contextlib.contextmanager
def naming(utt: str) -> Iterator[None]:
    """Prefix the message of an error with the utterance's name."""
    try:
        yield
    except StepsError as error:
        raise TableError(f"{utt}: {error}") from None
    except OSError as error:
        raise TableError(f"{utt}: {error.filename}: {error.strerror}.") from None
