"""Features in the formats of HTK and CMU Sphinx: big-endian, a header before the frames.

Sources: ReadHtk and WriteHtk of src/matrix/kaldi-matrix.cc, SphinxMatrixHolder of
src/util/kaldi-holder-inl.h.

Shapes: T frames, D features.
"""

import struct

import numpy as np

from steps_py.errors import TableError
from steps_py.formats.holders import Holder, refuse_span

_HTK = struct.Struct(">iihH")  # frames, period in 100 ns, bytes of a frame, kind
_COUNT = struct.Struct(">i")
_COMPRESSED_OR_VQ = 0o42000
_CHECKSUM = 0o10000
_NOT_FLOATS = {0: "waveform", 5: "IREFC", 10: "discrete"}
_SPHINX_DIM = 13
_FRAME_SHIFT_100NS = 100_000  # what Kaldi writes, whatever the frame shift is


class HtkHolder(Holder):
    """Matrices (T, D) float32 as HTK features; `kind` is what is written, 6 for MFCC.

    >>> HtkHolder(kind=6).encode(np.zeros((2, 3), np.float32), binary=True)[:12].hex()
    '00000002000186a0000c0006'
    """

    def __init__(self, kind: int = 9):
        self._kind = kind

    def read(self, stream, span=None):
        refuse_span(stream, span, "HTK features")
        num_frames, _, frame_bytes, kind = _HTK.unpack(stream.take(_HTK.size, "a header of HTK"))
        if kind & _COMPRESSED_OR_VQ:
            stream.fail("HTK features that are compressed or have VQ. Write them without.")
        if kind & 0o77 in _NOT_FLOATS:
            stream.fail(f"HTK data of kind {_NOT_FLOATS[kind & 0o77]}, not features.")
        if num_frames < 0 or frame_bytes <= 0 or frame_bytes % 4:
            stream.fail(f"{num_frames} frames of {frame_bytes} bytes. Is it a file of HTK?")
        body = stream.take(num_frames * frame_bytes, f"{num_frames} frames")
        if kind & _CHECKSUM:
            stream.take(2, "a checksum")
        return np.frombuffer(body, ">f4").reshape(num_frames, -1).astype(np.float32)

    def encode(self, value, binary):
        try:
            head = _HTK.pack(len(value), _FRAME_SHIFT_100NS, 4 * value.shape[1], self._kind)
        except struct.error:
            raise TableError(
                f"{value.shape[1]} dimensions do not fit into a file of HTK."
            ) from None
        return head + value.astype(">f4").tobytes()


class SphinxHolder(Holder):
    """Matrices (T, 13) float32 as Sphinx features, for reading."""

    def read(self, stream, span=None):
        refuse_span(stream, span, "Sphinx features")
        (count,) = _COUNT.unpack(stream.take(_COUNT.size, "a header of Sphinx"))
        if count < 0 or count % _SPHINX_DIM:
            stream.fail(f"{count} numbers, which are no frames of {_SPHINX_DIM}.")
        body = stream.take(4 * count, f"{count} numbers")
        return np.frombuffer(body, ">f4").reshape(-1, _SPHINX_DIM).astype(np.float32)
