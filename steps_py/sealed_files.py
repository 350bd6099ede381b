"""Zip archives with a seal: files whose damage is noticed before any of their content is used.

The comment of the archive, its last bytes, holds the kind of file, the version of its format and a
SHA-256 of all bytes before it.  Programs that read zip archives read these as well.
"""

import hashlib
import os
import re
from typing import NamedTuple

from steps_py.errors import StepsError
from steps_py.files import atomic_write

_SEAL = re.compile(rb"sidewinder (\w+) format (\d{1,6}) sha256 ([0-9a-f]{64})")
_MAX_SEAL_BYTES = 200
_COMMENT_SIZE_BYTES = 2  # the last field of a zip archive without comment


class Sealed(NamedTuple):
    """The content of a file and what its seal says."""

    data: bytes
    kind: str | None  # None: the file has no seal
    format: int
    sha256: str


class BrokenSealError(StepsError):
    """The digest of a file does not match its content."""


def write_sealed(path: str | os.PathLike, archive: memoryview, kind: str, format: int) -> None:
    """Write the bytes of a zip archive without comment, and the seal; atomically."""
    title = f"sidewinder {kind} format {format} sha256 ".encode()
    comment_size = (len(title) + 64).to_bytes(_COMMENT_SIZE_BYTES, "little")
    parts = archive[:-_COMMENT_SIZE_BYTES], comment_size, title
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    with atomic_write(path, "wb") as out:
        out.writelines([*parts, digest.hexdigest().encode()])


def read_sealed(path: str | os.PathLike) -> Sealed:
    """The content of a file, its seal included.

    Raises
    ------
    StepsError
        If the file cannot be read.
    BrokenSealError
        If its digest does not match its content.
    """
    try:
        with open(path, "rb") as file:
            data = file.read()
    except OSError as error:
        raise StepsError(f"{path}: cannot be read: {error.strerror}. Check the path.") from None
    start = data.rfind(b"sidewinder ", max(0, len(data) - _MAX_SEAL_BYTES))
    seal = _SEAL.fullmatch(data, start) if start >= 0 else None
    if seal is None:
        return Sealed(data, None, 0, "")
    digest = hashlib.sha256(memoryview(data)[: seal.start(3)]).hexdigest()
    if digest != seal[3].decode():
        raise BrokenSealError(f"{path}: its digest does not match its content")
    return Sealed(data, seal[1].decode(), int(seal[2]), digest)
