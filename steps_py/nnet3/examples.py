"""Examples for the training of x-vector networks in Kaldi: a chunk of features and its class.

Sources: src/nnet3/nnet-example.cc, src/nnet3/nnet-common.cc, src/matrix/sparse-matrix.cc.
"""

import dataclasses

import numpy as np

from steps_py.formats.arrays import encode_matrix
from steps_py.formats.basic_types import MARKER, encode_float, encode_int
from steps_py.formats.holders import Holder

_MANY_ROWS = 8  # a compressed matrix of more has bytes and headers for each column


@dataclasses.dataclass
class Example:
    """Features (T, D), and the class of `num_classes` they belong to.

    >>> eg = Example(np.ones((1, 2), np.float32), label=1, num_classes=3)
    >>> EXAMPLE.encode(eg, binary=False)[-79:]
    b'<NnetIo> output <I1V> 1 <I1> 0 0 0 rows=1 dim=3 [ 1 1 ] \\n</NnetIo> </Nnet3Eg> \\n'
    """

    feats_TD: np.ndarray
    label: int
    num_classes: int
    compress: bool = False


class _ExampleHolder(Holder):
    """Writes Examples; the features are compressed if they say so."""

    def encode(self, value, binary):
        number = encode_int if binary else (lambda item: b"%d " % item)
        method = None
        if value.compress:
            method = 2 if len(value.feats_TD) > _MANY_ROWS else 3
        feats = encode_matrix(value.feats_TD, binary, "float32", method).removeprefix(MARKER)
        return b"".join(
            (
                MARKER if binary else b"",
                b"<Nnet3Eg> <NumIo> ",
                number(2),
                b"<NnetIo> input ",
                _times(len(value.feats_TD), binary, number),
                feats,
                b"</NnetIo> <NnetIo> output ",
                _times(1, binary, number),
                _one_hot(value, binary),
                b"</NnetIo> </Nnet3Eg> " if binary else b"</NnetIo> </Nnet3Eg> \n",
            )
        )


def _times(count, binary, number):
    """The indexes of `count` frames from 0 on, of one utterance."""
    head = b"<I1V> " + number(count)
    if binary:
        return head + b"\0" + b"\1" * (count - 1)
    return head + b"".join(b"<I1> 0 %d 0 " % frame for frame in range(count))


def _one_hot(value, binary):
    """A sparse matrix of one row with a 1."""
    if not binary:
        return b"rows=1 dim=%d [ %d 1 ] \n" % (value.num_classes, value.label)
    sizes = encode_int(value.num_classes) + encode_int(1)
    return b"SM " + encode_int(1) + b"SV " + sizes + encode_int(value.label) + encode_float(1.0)


EXAMPLE = _ExampleHolder()
