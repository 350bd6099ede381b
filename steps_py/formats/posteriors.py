"""Tables of Gaussian posteriors and of selected Gaussians: a list of any length for each frame.

Sources: src/hmm/posterior.cc (WritePosterior), BasicVectorVectorHolder of
src/util/kaldi-holder-inl.h (Int32VectorVector, the tables of gmm-gselect).

The lists of an utterance are held in flat arrays, frame after frame.

Shape suffixes (scope: this module):
    T = frames   P = pairs of a frame and an index
"""

from __future__ import annotations

import dataclasses

import numpy as np

from steps_py.formats.basic_types import MARKER, checked_int, encode_int, read_int, read_marker
from steps_py.formats.holders import Holder, refuse_span

_INTS = np.dtype([("size", "i1"), ("index", "<i4")])
_PAIRS = np.dtype(
    [("size", "i1"), ("index", "<i4"), ("weight_size", "i1"), ("weight", "<f4")], align=False
)


@dataclasses.dataclass
class Selection:
    """The selected indices of each frame, in their order (Int32VectorVector).

    counts_T    number of indices of each frame
    index_P     int32, the indices of the first frame, then of the second, ...

    >>> selection = Selection.of([[7, 2], [], [5]])
    >>> selection.num_frames, selection.index_P.tolist(), selection.frame_P().tolist()
    (3, [7, 2, 5], [0, 0, 2])
    >>> selection.lists()
    [[7, 2], [], [5]]
    """

    counts_T: np.ndarray
    index_P: np.ndarray

    @classmethod
    def of(cls, lists) -> Selection:
        """From a list of indices for each frame."""
        counts_T = np.array([len(items) for items in lists], dtype=np.int64)
        return cls(counts_T, np.array([i for items in lists for i in items], dtype=np.int32))

    @property
    def num_frames(self) -> int:
        return len(self.counts_T)

    def frame_P(self) -> np.ndarray:
        """The frame of each index."""
        return np.repeat(np.arange(self.num_frames), self.counts_T)

    def starts_T(self) -> np.ndarray:
        """Where the indices of each frame begin."""
        return np.cumsum(self.counts_T) - self.counts_T

    def lists(self) -> list[list[int]]:
        """A list of indices for each frame."""
        return [part.tolist() for part in np.split(self.index_P, self.starts_T()[1:])][
            : self.num_frames
        ]


@dataclasses.dataclass
class Posterior:
    """The (index, weight) pairs of each frame, in their order.

    counts_T    number of pairs of each frame
    index_P     int32
    weight_P    float32

    >>> posterior = Posterior.of([[(7, 0.75), (2, 0.25)], []])
    >>> posterior.lists()
    [[(7, 0.75), (2, 0.25)], []]
    >>> posterior.sums_T().tolist()
    [1.0, 0.0]
    """

    counts_T: np.ndarray
    index_P: np.ndarray
    weight_P: np.ndarray

    @classmethod
    def of(cls, lists) -> Posterior:
        """From a list of pairs for each frame."""
        pairs = [pair for items in lists for pair in items]
        return cls(
            np.array([len(items) for items in lists], dtype=np.int64),
            np.array([index for index, _ in pairs], dtype=np.int32),
            np.array([weight for _, weight in pairs], dtype=np.float32),
        )

    @property
    def num_frames(self) -> int:
        return len(self.counts_T)

    def frame_P(self) -> np.ndarray:
        """The frame of each pair."""
        return np.repeat(np.arange(self.num_frames), self.counts_T)

    def sums_T(self) -> np.ndarray:
        """The sum of the weights of each frame, float64."""
        return np.bincount(self.frame_P(), self.weight_P, minlength=self.num_frames)

    def lists(self) -> list[list[tuple[int, float]]]:
        """A list of pairs for each frame."""
        pairs = list(zip(self.index_P.tolist(), self.weight_P.tolist(), strict=True))
        ends = np.cumsum(self.counts_T).tolist()
        return [pairs[a:b] for a, b in zip([0, *ends], ends, strict=False)]

    def kept(self, keep_P: np.ndarray) -> Posterior:
        """Without the pairs where `keep_P` is false."""
        counts_T = np.bincount(self.frame_P()[keep_P], minlength=self.num_frames)
        return Posterior(counts_T, self.index_P[keep_P], self.weight_P[keep_P])

    def scaled(self, scale: float) -> Posterior:
        """All weights times `scale`; no pairs if it is 0, as in Kaldi."""
        if scale == 0:
            return self.kept(np.zeros(len(self.index_P), bool))
        weight_P = self.weight_P * np.float32(scale)
        return Posterior(self.counts_T, self.index_P, weight_P)


class _SelectionHolder(Holder):
    """Lists of integers, each frame's followed by a semicolon in text."""

    def read(self, stream, span=None):
        refuse_span(stream, span, "lists of indices")
        if not read_marker(stream):
            return self._read_text(stream)
        counts, body = _read_ragged(stream, _INTS.itemsize)
        items = np.frombuffer(body, _INTS)
        if (items["size"] != 4).any():
            stream.fail("an index that is no 32-bit integer. The file is damaged.")
        return Selection(np.array(counts, np.int64), items["index"].astype(np.int32))

    def _read_text(self, stream):
        line = _line(stream)
        *frames, rest = line.split(b";")
        if rest.strip():
            stream.fail("no semicolon at the end of the line. Each frame's indices end in one.")
        try:
            return Selection.of([[checked_int(int(word)) for word in f.split()] for f in frames])
        except ValueError as error:
            stream.fail(f"text that is no integer: {str(error)[:60]}.")

    def encode(self, value, binary):
        if binary:
            return _encode_ragged(value.counts_T, _ints(value.index_P))
        frames = ["".join(f"{i} " for i in items) for items in value.lists()]
        return ("".join(f"{items}; " for items in frames) + "\n").encode()


class _PosteriorHolder(Holder):
    """Lists of pairs, each frame's in brackets in text: ``[ 7 0.75 2 0.25 ] [ ]``."""

    def read(self, stream, span=None):
        refuse_span(stream, span, "posteriors")
        if not read_marker(stream):
            return self._read_text(stream)
        counts, body = _read_ragged(stream, _PAIRS.itemsize)
        pairs = np.frombuffer(body, _PAIRS)
        if (pairs["size"] != 4).any() or (pairs["weight_size"] != 4).any():
            stream.fail("a pair that is no integer and float. The file is damaged.")
        return Posterior(
            np.array(counts, np.int64),
            pairs["index"].astype(np.int32),
            pairs["weight"].astype(np.float32),
        )

    def _read_text(self, stream):
        frames = []
        for part in _line(stream).replace(b"]", b" ] ").split(b" ] "):
            words = part.split()
            if not words:
                continue
            if words[0] != b"[" or len(words) % 2 == 0:
                shown = part.strip()[:40].decode(errors="replace")
                stream.fail(f"'{shown}' where '[ index weight ... ]' of a frame belongs.")
            try:
                indices = [checked_int(int(word)) for word in words[1::2]]
                frames.append(list(zip(indices, map(float, words[2::2]), strict=True)))
            except ValueError as error:
                stream.fail(f"text that is no index and weight: {str(error)[:60]}.")
        return Posterior.of(frames)

    def encode(self, value, binary):
        if binary:
            pairs = np.empty(len(value.index_P), _PAIRS)
            pairs["size"] = pairs["weight_size"] = 4
            pairs["index"], pairs["weight"] = value.index_P, value.weight_P
            return _encode_ragged(value.counts_T, pairs)
        frames = ("".join(f"{i} {w:.7g} " for i, w in items) for items in value.lists())
        return ("".join(f"[ {items}] " for items in frames) + "\n").encode()


def _line(stream):
    line = stream.line()
    if line is None:
        stream.fail("ends after the key. The file is truncated.")
    return line


def _read_ragged(stream, item_bytes):
    """(numbers of items, bytes of all items) of lists with their sizes before them."""
    num_frames = read_int(stream)
    if num_frames < 0:
        stream.fail(f"{num_frames} frames. The file is damaged.")
    counts, bodies = [], []
    for _ in range(num_frames):
        count = read_int(stream)
        if count < 0:
            stream.fail(f"a frame with {count} entries. The file is damaged.")
        counts.append(count)
        bodies.append(stream.take(count * item_bytes, f"{count} entries of a frame"))
    return counts, b"".join(bodies)


def _ints(values):
    items = np.empty(len(values), _INTS)
    items["size"], items["index"] = 4, values
    return items


def _encode_ragged(counts_T, items_P):
    """The lists in binary: each frame's number of items, then the items."""
    item_bytes, head_bytes = items_P.dtype.itemsize, _INTS.itemsize
    counts_T = np.asarray(counts_T, np.int64)
    starts_T = np.cumsum(counts_T) - counts_T
    place_T = head_bytes * np.arange(len(counts_T)) + item_bytes * starts_T
    frame_P = np.repeat(np.arange(len(counts_T)), counts_T)
    place_P = head_bytes * (frame_P + 1) + item_bytes * np.arange(len(items_P))
    body = np.empty(head_bytes * len(counts_T) + item_bytes * len(items_P), np.uint8)
    heads = _ints(counts_T).view(np.uint8).reshape(-1, head_bytes)
    body[place_T[:, np.newaxis] + np.arange(head_bytes)] = heads
    parts = items_P.view(np.uint8).reshape(-1, item_bytes)
    body[place_P[:, np.newaxis] + np.arange(item_bytes)] = parts
    return MARKER + encode_int(len(counts_T)) + body.tobytes()


SELECTION = _SelectionHolder()
POSTERIOR = _PosteriorHolder()
