"""Plda files of Kaldi, binary and text.

A file holds, between ``<Plda>`` and ``</Plda>``, the mean, the transform and psi.  Kaldi
writes them in double precision if binary, and with seven digits if text.
"""

import io
import os

import numpy as np

from steps_py.backend.plda import Plda
from steps_py.errors import BackendError, TableError
from steps_py.files import atomic_write
from steps_py.formats.arrays import (
    encode_matrix,
    encode_vector,
    read_binary_matrix,
    read_binary_vector,
    read_matrix,
    read_vector,
)
from steps_py.formats.basic_types import MARKER, read_marker
from steps_py.formats.streams import Input, open_input


def read_plda(path: str | os.PathLike) -> Plda:
    """Read a model from a file; BackendError if it is none."""
    with open_input(str(path)) as stream:
        return read_plda_from(stream)


def write_plda(path: str | os.PathLike, plda: Plda, binary: bool = True) -> None:
    """Write a model; the file appears whole or not at all."""
    with atomic_write(path, "wb") as out:
        out.write(encode_plda(plda, binary))


def encode_plda(plda: Plda, binary: bool = True) -> bytes:
    r"""The bytes of a Plda file.

    >>> encode_plda(Plda([0.5], [[2.0]], [10.0]), binary=False)
    b'<Plda>  [ 0.5 ]\n [\n  2 ]\n [ 10 ]\n</Plda> '
    """
    encoded = [
        encode_vector(plda.mean_D, binary, "float64"),
        encode_matrix(plda.transform_DD, binary, "float64"),
        encode_vector(plda.psi_D, binary, "float64"),
    ]
    if binary:
        encoded = [MARKER + b"<Plda> ", *(part.removeprefix(MARKER) for part in encoded)]
    else:
        encoded = [b"<Plda> ", *encoded]
    return b"".join(encoded) + b"</Plda> "


def decode_plda(data: bytes, name: str = "plda") -> Plda:
    """The model in the bytes of a Plda file; `name` is for messages.

    >>> model = decode_plda(b"<Plda>  [ 0.5 ]\\n [\\n  2 ]\\n [ 10 ]\\n</Plda> ")
    >>> model.mean_D, model.transform_DD, model.psi_D
    (array([0.5]), array([[2.]]), array([10.]))
    """
    return read_plda_from(Input(io.BytesIO(data), name))


def read_plda_from(stream: Input) -> Plda:
    """The model in an `Input` that holds nothing else; BackendError if it is none."""
    try:
        plda = Plda(*_read_parts(stream))
    except (TableError, BackendError) as error:
        reason = str(error).removeprefix(f"{stream.name}, ")[:200]
        raise BackendError(
            f"{stream.name}: not a Plda file, or a damaged one ({reason}). Write it"
            " again with ivector-compute-plda or ivector-copy-plda."
        ) from None
    parts = plda.mean_D, plda.transform_DD, plda.psi_D
    if not all(np.isfinite(x).all() for x in parts) or (plda.psi_D < 0).any():
        raise BackendError(
            f"{stream.name}: the model holds nan, infinity or a negative psi. Retrain the PLDA."
        )
    return plda


def _read_parts(stream):
    """Mean, transform and psi."""
    binary = read_marker(stream)
    vector, matrix = (
        (read_binary_vector, read_binary_matrix) if binary else (read_vector, read_matrix)
    )
    _expect(stream, b"<Plda>", binary)
    parts = [read(stream, "float64") for read in (vector, matrix, vector)]
    _expect(stream, b"</Plda>", binary)
    if stream.read().strip():
        stream.fail("more data behind </Plda>. Was the file written twice?")
    return parts


def _expect(stream, token, binary):
    found = stream.word(token.decode(), limit=64)
    if found != token or (binary and stream.take(1) != b" "):
        stream.fail(f"'{found[:20].decode(errors='replace')}' where {token.decode()} belongs.")
