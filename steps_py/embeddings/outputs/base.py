"""The registry of formats of x-vectors and their contract.

VECTOR_FORMATS  ``cls(path)``, a context manager whose ``write(row)`` takes one `VectorRow` after
                the other.  The file appears when the block ends, whole or not at all.
                ``suffix`` is that of file names by which the format is chosen.

>>> from pathlib import Path
>>> import tempfile
>>> path = Path(tempfile.mkdtemp(), "x.npz")
>>> with VECTOR_FORMATS.find("npz")(path) as out:
...     out.write(VectorRow("anna", np.array([1, 2], np.float32), 3.5))
>>> np.load(path)["anna"].tolist()
[1.0, 2.0]
"""

import os
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from steps_py.errors import ConfigError, did_you_mean
from steps_py.registry import Registry

VECTOR_FORMATS = Registry("format of vectors", home="steps_py.embeddings.outputs")


class VectorRow(NamedTuple):
    """One recording: its key, x-vector float32 (E,), and seconds of speech."""

    key: str
    xvector_E: np.ndarray
    speech_sec: float


class VectorFormat:
    """Base: collects the rows; a subclass defines `save`."""

    suffix: ClassVar[str] = ""

    @dataclass(frozen=True, kw_only=True)
    class Config:
        pass

    def __init__(self, path: str | os.PathLike):
        self.path, self.rows = os.fspath(path), []

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        if kind is None:
            self.save()

    def write(self, row: VectorRow) -> None:
        """Add a recording."""
        self.rows.append(row)

    def save(self) -> None:
        """Write all rows to the file, atomically."""
        raise NotImplementedError


def format_of(path: str | os.PathLike, name: str | None = None) -> type:
    """The class of a format by its name, or by the suffix of a path.

    Raises ConfigError for an unknown one.

    >>> format_of("voices.npz").__name__
    'Npz'
    """
    if name is not None:
        return VECTOR_FORMATS.find(name)
    suffixes = {VECTOR_FORMATS.find(n).suffix: n for n in VECTOR_FORMATS.names()}
    suffix = os.path.splitext(path)[1]
    if suffix not in suffixes:
        raise ConfigError(
            f"{os.fspath(path)}: no format has the suffix '{suffix}'."
            f" {did_you_mean(suffix, suffixes)}"
        )
    return VECTOR_FORMATS.find(suffixes[suffix])
