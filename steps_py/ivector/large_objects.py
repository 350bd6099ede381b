"""Reading and writing of objects that are too large for a second copy in memory."""

import contextlib

import numpy as np

from steps_py.formats.basic_types import MARKER, encode_int
from steps_py.formats.objects import ObjectReader, ObjectWriter
from steps_py.formats.outputs import open_output

_ROWS_BYTES = 16 << 20  # of a matrix that are converted at once


class _StreamedWriter(ObjectWriter):
    """An ObjectWriter that keeps nothing, and writes binary matrices from where they are."""

    def __init__(self, binary, out):
        super().__init__(binary)
        self._out = out

    def raw(self, data) -> None:
        self._out.write(data)

    def value(self, kind: str, value) -> None:
        if not (self.binary and kind in _MATRICES and value.size):
            super().value(kind, value)
            return
        token, on_file = _MATRICES[kind]
        self.raw(token + b"".join(map(encode_int, value.shape)))
        num_rows = max(1, _ROWS_BYTES // (value.shape[1] * 8))
        for first in range(0, len(value), num_rows):
            rows = np.ascontiguousarray(value[first : first + num_rows], on_file)
            self.raw(memoryview(rows).cast("B"))


_MATRICES = {"matrix": (b"FM ", "<f4"), "dmatrix": (b"DM ", "<f8")}


@contextlib.contextmanager
def write_parts(wxfilename: str, binary: bool):
    """An ObjectWriter of a file or pipe that writes each part at once."""
    with open_output(wxfilename) as out:
        writer = _StreamedWriter(binary, out)
        if binary:
            writer.raw(MARKER)
        yield writer


def read_stack(reader: ObjectReader, kind: str, count: int) -> np.ndarray:
    """`count` arrays of one kind and shape that follow each other (count, ...)."""
    if count < 1:
        reader.fail(f"{count} Gaussians. The file is damaged.")
    first = reader.value(kind)
    reader.stream.check_holds((count - 1) * first.nbytes // 4, f"{count} matrices")
    stack = np.empty((count, *first.shape))
    stack[0] = first
    for number in range(1, count):
        item = reader.value(kind)
        if item.shape != first.shape:
            reader.fail(f"matrix {number} is {item.shape}, the first one {first.shape}.")
        stack[number] = item
    return stack
