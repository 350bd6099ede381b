"""Random access to features: any stretch of an utterance's voiced, normalised frames.

A script file says where each matrix lies (``feats.ark:1234``); only the rows that are
wanted are read, straight from the archive, compressed or not.  So training needs no
second copy of the features, in which Kaldi's recipes cut them into chunks.

Shape suffixes (scope: this module):
    T = frames   D = feature dimension   U = utterances
"""

import contextlib
import os
import struct
from collections import OrderedDict
from dataclasses import dataclass

import numpy as np

from steps_py.cmvn import normalise_rows, window_bounds
from steps_py.errors import StepsError, TableError
from steps_py.kaldi import compressed

MAX_OPEN_FILES = 128
_PLAIN = struct.Struct("<bibi")  # size, rows, size, columns
_DTYPES = {b"FM": np.dtype("<f4"), b"DM": np.dtype("<f8")}


@dataclass(frozen=True, kw_only=True)
class CmvnConfig:
    """Section ``cmvn`` of a recipe: sliding normalisation, the window centred."""

    window_frames: int = 300
    norm_vars: bool = False


class Locations:
    """Where many objects lie: the values of a script file, compactly.

    >>> places = Locations(["exp/a.ark:5", "exp/a.ark:905", "one.mat"])
    >>> places[1], places[2], len(places)
    (('exp/a.ark', 905), ('one.mat', 0), 3)
    """

    def __init__(self, entries):
        files, file_id_U, offset_U = {}, [], []
        for entry in entries:
            path, _, offset = entry.rpartition(":")
            if not path or not offset.isdecimal():
                path, offset = entry, 0
            if path.endswith(("|", "]")) or path == "-":
                raise TableError(
                    f"'{entry}': cannot be read at random. Write the table to an archive first:"
                    " copy-feats scp:feats.scp ark,scp:feats.ark,feats.scp"
                )
            file_id_U.append(files.setdefault(path, len(files)))
            offset_U.append(int(offset))
        self.files = list(files)
        self.file_id_U = np.array(file_id_U, np.int32)
        self.offset_U = np.array(offset_U, np.int64)

    def __len__(self):
        return len(self.offset_U)

    def __getitem__(self, row):
        return self.files[self.file_id_U[row]], int(self.offset_U[row])


class OpenFiles:
    """Reads of files by position; the most recently used stay open."""

    def __init__(self, limit=MAX_OPEN_FILES):
        self._limit = limit
        self._descriptors = OrderedDict()

    def read(self, path, offset, num_bytes):
        """Exactly `num_bytes` bytes; TableError if the file ends before."""
        data = os.pread(self._descriptor(path), num_bytes, offset)
        if len(data) < num_bytes:
            raise TableError(
                f"{path}: ends at byte {offset + len(data)}, within an object of"
                f" {num_bytes} bytes. The archive is truncated; make it again."
            )
        return data

    def read_some(self, path, offset, num_bytes):
        """At most `num_bytes` bytes."""
        return os.pread(self._descriptor(path), num_bytes, offset)

    def _descriptor(self, path):
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


class MatrixAt:
    """A matrix in an archive: its size is read, its rows when asked for."""

    def __init__(self, files, path, offset):
        head = files.read_some(path, offset, 32)
        token = head[2:6].partition(b" ")[0]
        start = 3 + len(token)
        if head[:2] != b"\0B" or token not in (*_DTYPES, b"CM", b"CM2", b"CM3"):
            raise TableError(
                f"{path}:{offset}: no binary matrix is there. Make the archive and its script"
                " file again; text archives: copy-feats ark,t:x.txt ark,scp:x.ark,x.scp"
            )
        if len(head) < start + compressed.HEADER.size:
            files.read(path, offset, 32)  # says that the file is cut off
        self._files, self._path, self._token = files, path, token
        if token in _DTYPES:
            _, self.num_rows, _, self.num_cols = _PLAIN.unpack_from(head, start)
            self._body = offset + start + _PLAIN.size
        else:
            self._header = compressed.HEADER.unpack_from(head, start)
            self.num_rows, self.num_cols = self._header[2:]
            self._body = offset + start + compressed.HEADER.size

    def rows(self, first, end):
        """Rows [first, end) as float32 (T, D)."""
        if self._token in _DTYPES:
            dtype = _DTYPES[self._token]
            body = self._read(first * dtype.itemsize, end * dtype.itemsize)
            x_TD = np.frombuffer(body, dtype).reshape(end - first, self.num_cols)
            return x_TD.astype(np.float32, copy=False)
        if self._token == b"CM":  # stored by columns: all of it is needed
            num_bytes = compressed.num_body_bytes(b"CM", self.num_rows, self.num_cols)
            body = self._files.read(self._path, self._body, num_bytes)
            bounds = (first, end, 0, self.num_cols)
            return compressed.decompress(b"CM", self._header, body, bounds)
        element = 2 if self._token == b"CM2" else 1
        header = (*self._header[:2], end - first, self.num_cols)
        body = self._read(first * element, end * element)
        return compressed.decompress(self._token, header, body)

    def _read(self, first, end):
        """Bytes of a body stored by rows; `first` and `end` count bytes of one column."""
        start, stop = first * self.num_cols, end * self.num_cols
        return self._files.read(self._path, self._body + start, stop - start)


def read_vector_at(files, path, offset):
    """A float32 vector in an archive; Kaldi's float, double and text ones."""
    head = files.read_some(path, offset, 10)
    if head.lstrip().startswith(b"["):
        return _read_text_vector(files, path, offset)
    if len(head) < 10 or head[:2] != b"\0B" or head[2:5] not in (b"FV ", b"DV "):
        raise TableError(
            f"{path}:{offset}: no vector is there. Make the archive and its script file again."
        )
    dtype = np.dtype("<f4" if head[2:3] == b"F" else "<f8")
    (dim,) = struct.unpack("<i", head[6:])
    return np.frombuffer(files.read(path, offset + 10, dim * dtype.itemsize), dtype)


def _read_text_vector(files, path, offset):
    """`` [ 1 0 1 ]`` as text; read on until the bracket that ends it."""
    size, text = 4096, b""
    while b"]" not in text:
        text = files.read_some(path, offset, size)
        if b"]" not in text and len(text) < size:
            raise TableError(
                f"{path}:{offset}: the vector has no ']'. The archive is truncated; make it again."
            )
        size *= 4
    words = text[: text.index(b"]")].strip().removeprefix(b"[").split()
    try:
        return np.array(words, dtype=np.float32)
    except ValueError:
        raise TableError(
            f"{path}:{offset}: not a vector of numbers. Make the archive again."
        ) from None


class VoicedFeatures:
    """The voiced frames of utterances after sliding normalisation, by utterance and position.

    The same numbers as ``apply-cmvn-sliding --center=true | select-voiced-frames``, read for
    the frames that are wanted and the windows around them alone.

    Parameters
    ----------
    utts : sequence of str
        Names, for messages; what is called a row below is an index into them.
    feats, vad : Locations
        Matrices (T, D), and decisions (T,) of which those above 0.5 mean voiced.
    cmvn : CmvnConfig
    """

    def __init__(self, utts, feats, vad, cmvn):
        assert len(utts) == len(feats) == len(vad)
        self.utts = utts
        self.cmvn = cmvn
        self._feats, self._vad = feats, vad
        self._files = OpenFiles()

    def __len__(self):
        return len(self.utts)

    def feat_dim(self, row):
        """Dimension of the features of an utterance."""
        with naming(self.utts[row]):
            return MatrixAt(self._files, *self._feats[row]).num_cols

    def read(self, row, first=0, num=None):
        """Voiced frames [first, first + num) of the utterance `row`, or all from `first` on.

        Returns float32 (num, D).  Raises TableError, naming the utterance, if an archive
        cannot be read, decisions and features differ in length, fewer frames are voiced,
        or a frame is not finite.
        """
        with naming(self.utts[row]):
            matrix = MatrixAt(self._files, *self._feats[row])
            voiced_T = read_vector_at(self._files, *self._vad[row]) > 0.5
            if len(voiced_T) != matrix.num_rows:
                raise TableError(
                    f"{matrix.num_rows} frames of features, {len(voiced_T)} voice decisions."
                    " Compute both from the same audio."
                )
            return self._normalise(matrix, np.flatnonzero(voiced_T), first, num)

    def _normalise(self, matrix, voiced, first, num):
        frames = voiced[first:] if num is None else voiced[first : first + num]
        if num is not None and len(frames) < num:
            raise TableError(
                f"{len(voiced)} voiced frames, but {first} to {first + num - 1} are wanted."
                " Run allocate_chunks again."
            )
        if not len(frames):
            return np.zeros((0, matrix.num_cols), np.float32)
        start, end = window_bounds(frames, matrix.num_rows, self.cmvn.window_frames)
        x_TD = matrix.rows(start[0], end[-1])
        x_TD = normalise_rows(
            x_TD, frames - start[0], start - start[0], end - start[0], self.cmvn.norm_vars
        )
        if not np.isfinite(x_TD).all():
            raise TableError("its features are not finite. Compute them again.")
        return x_TD


def count_frames(utts, vad):
    """Decisions and voiced frames of many utterances, int64 (U,) each, archive by archive.

    Entries that are alike are read once: augmented copies share the original's decisions.
    """
    place_UK = np.stack([vad.file_id_U.astype(np.int64), vad.offset_U])
    order = np.lexsort(place_UK[::-1])
    num_frames_U, num_voiced_U = np.zeros((2, len(vad)), np.int64)
    files, previous, counts = OpenFiles(), None, (0, 0)
    for row in order.tolist():
        place = vad[row]
        if place != previous:
            with naming(utts[row]):
                voiced_T = read_vector_at(files, *place) > 0.5
            previous, counts = place, (len(voiced_T), np.count_nonzero(voiced_T))
        num_frames_U[row], num_voiced_U[row] = counts
    return num_frames_U, num_voiced_U


@contextlib.contextmanager
def naming(utt):
    """Put the utterance's name before the message of an error."""
    try:
        yield
    except StepsError as error:
        raise TableError(f"{utt}: {error}") from None
    except OSError as error:
        raise TableError(f"{utt}: {error.filename}: {error.strerror}.") from None
