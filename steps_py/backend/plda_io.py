"""Plda files of Kaldi, binary and text.

A file holds, between ``<Plda>`` and ``</Plda>``, the mean, the transform and psi.  Kaldi
writes them in double precision if binary, and with seven digits if text.
"""

import re
import struct
from pathlib import Path

import numpy as np

from steps_py.backend.plda import Plda
from steps_py.errors import BackendError
from steps_py.files import atomic_write

_ARRAY = rb"\s*\[([^\[\]]*)\]"
_TEXT = re.compile(rb"\s*<Plda>" + 3 * _ARRAY + rb"\s*</Plda>\s*")
_TYPES = {b"F": np.dtype("<f4"), b"D": np.dtype("<f8")}


def read_plda(path):
    """Read a model from a file; BackendError if it is none."""
    return decode_plda(Path(path).read_bytes(), str(path))


def write_plda(path, plda, binary=True):
    """Write a model; the file appears whole or not at all."""
    with atomic_write(path, "wb") as out:
        out.write(encode_plda(plda, binary))


def encode_plda(plda, binary=True):
    r"""The bytes of a Plda file.

    >>> encode_plda(Plda([0.5], [[2.0]], [10.0]), binary=False)
    b'<Plda>  [ 0.5 ]\n [\n  2 ]\n [ 10 ]\n</Plda> '
    """
    parts = plda.mean_D, plda.transform_DD, plda.psi_D
    if binary:
        return b"\0B<Plda> " + b"".join(_encode_binary(x) for x in parts) + b"</Plda> "
    return b"<Plda> " + b"".join(_encode_text(x) for x in parts) + b"</Plda> "


def decode_plda(data, name="plda"):
    """The model in the bytes of a Plda file; `name` is for messages.

    >>> model = decode_plda(b"<Plda>  [ 0.5 ]\\n [\\n  2 ]\\n [ 10 ]\\n</Plda> ")
    >>> model.mean_D, model.transform_DD, model.psi_D
    (array([0.5]), array([[2.]]), array([10.]))
    """
    try:
        parts = _decode_binary(data) if data.startswith(b"\0B") else _decode_text(data)
    except (ValueError, struct.error, KeyError) as error:
        raise BackendError(
            f"{name}: not a Plda file, or a damaged one ({str(error)[:100]}). Write it again with"
            " ivector-compute-plda or ivector-copy-plda."
        ) from None
    plda = Plda(*parts)
    if not all(np.isfinite(x).all() for x in parts) or (plda.psi_D < 0).any():
        raise BackendError(
            f"{name}: the model holds nan, infinity or a negative psi. Retrain the PLDA."
        )
    return plda


def _encode_binary(x):
    kind = b"DV " if x.ndim == 1 else b"DM "
    sizes = b"".join(b"\4" + struct.pack("<i", size) for size in x.shape)
    return kind + sizes + np.ascontiguousarray(x, "<f8").tobytes()


def _encode_text(x):
    rows = ["".join(f"{value:.7g} " for value in row) for row in np.atleast_2d(x).tolist()]
    if x.ndim == 1:
        return f" [ {rows[0]}]\n".encode()
    return (" [" + "".join(f"\n  {row}" for row in rows) + "]\n").encode()


def _decode_binary(data):
    at = _expect(data, 2, b"<Plda> ")
    parts = []
    for ndim, letter in ((1, b"V"), (2, b"M"), (1, b"V")):
        dtype = _TYPES[data[at : at + 1]]
        at = _expect(data, at + 1, letter + b" ")
        shape = []
        for _ in range(ndim):
            at = _expect(data, at, b"\4")
            shape.append(struct.unpack_from("<i", data, at)[0])
            at += 4
        if min(shape) < 0:
            raise ValueError(f"negative size at byte {at}")
        values = np.frombuffer(data, dtype, int(np.prod(shape)), at)
        parts.append(values.astype(np.float64).reshape(shape))
        at += values.nbytes
    _expect(data, at, b"</Plda>")
    return parts


def _decode_text(data):
    match = _TEXT.fullmatch(data)
    if not match:
        raise ValueError("no <Plda> [ mean ] [ transform ] [ psi ] </Plda>")
    mean, transform, psi = match.groups()
    rows = [row.split() for row in transform.strip().splitlines()]
    return [np.array(x, np.float64) for x in (mean.split(), rows, psi.split())]


def _expect(data, at, token):
    if data[at : at + len(token)] != token:
        raise ValueError(f"expected {token.strip().decode()!r} at byte {at}")
    return at + len(token)
