"""results/system.swx: a finished system in one file, without pickles.

A zip archive of uncompressed members, sealed (`steps_py.sealed_files`):

    system.json           options of features and network, chain of scoring steps, calibration,
                          thresholds, provenance, and the SHA-256 of every other member
    network.safetensors   the weights; of i-vectors ivector.safetensors, all matrices
    scores/...            the files of the scoring steps, in Kaldi's formats or JSON

The bytes depend on the content alone: neither time nor folder is in them.
"""

import hashlib
import io
import json
import os
import re
import zipfile
from collections.abc import Mapping
from typing import Any, NamedTuple

from steps_py.errors import StepsError
from steps_py.sealed_files import BrokenSealError, read_sealed, write_sealed

KIND, FORMAT = "system", 1
DESCRIPTION = "system.json"
_MEMBER = re.compile(r"[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*")  # no pipe, no drive, no space
_MAKE_AGAIN = "Copy it again, or make it again: snakemake results/system.swx"


class SystemFile(NamedTuple):
    """The content of a file: its description, the other members, and the digest of it all."""

    description: dict[str, Any]
    members: dict[str, bytes]
    sha256: str


def write_system_file(path: str | os.PathLike, description: Mapping, members: Mapping) -> None:
    """Write a file of `description`, plain values, and `members`, bytes by name; atomically."""
    described = {
        **description,
        "sha256": {name: hashlib.sha256(data).hexdigest() for name, data in members.items()},
    }
    text = json.dumps(described, indent=1, sort_keys=True, allow_nan=False) + "\n"
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as file:
        for name, data in [(DESCRIPTION, text.encode()), *sorted(members.items())]:
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.create_system, entry.external_attr = 3, 0o644 << 16
            file.writestr(entry, data)
    write_sealed(path, archive.getbuffer(), KIND, FORMAT)


def read_system_file(path: str | os.PathLike) -> SystemFile:
    """The content of a file of `write_system_file`.

    Raises
    ------
    StepsError
        In one line that names the file, if it is missing, damaged, of another kind, or newer.
    """
    try:
        sealed = read_sealed(path)
    except BrokenSealError as error:
        raise StepsError(f"{error}, so it is damaged. {_MAKE_AGAIN}") from None
    if sealed.kind is None:
        what = "is empty" if not sealed.data else "has no seal of sidewinder"
        raise StepsError(f"{path}: is damaged or not a system file: it {what}. {_MAKE_AGAIN}")
    if sealed.kind != KIND:
        raise StepsError(
            f"{path}: is a file of kind '{sealed.kind}', not '{KIND}'. Give results/system.swx of"
            " a finished recipe."
        )
    if sealed.format > FORMAT:
        raise StepsError(
            f"{path}: has format {sealed.format}, but this version of sidewinder reads formats up"
            f" to {FORMAT}. Install a newer version."
        )
    try:
        members = _members(sealed.data)
        description = json.loads(members.pop(DESCRIPTION))
        digests = description["sha256"]
    except (zipfile.BadZipFile, KeyError, ValueError, TypeError, EOFError) as error:
        raise StepsError(
            f"{path}: is not a system file, though its digest is right"
            f" ({type(error).__name__}: {error}). {_MAKE_AGAIN}"
        ) from None
    found = {name: hashlib.sha256(data).hexdigest() for name, data in members.items()}
    if found != digests:
        raise StepsError(f"{path}: its members are not those that it lists. {_MAKE_AGAIN}")
    return SystemFile(description, members, sealed.sha256)


def _members(data):
    """All members; BadZipFile for a compressed one, which could be larger than the file."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for entry in archive.infolist():
            is_whole = entry.compress_type == zipfile.ZIP_STORED and entry.file_size <= len(data)
            if not is_whole or not _MEMBER.fullmatch(entry.filename):
                raise zipfile.BadZipFile(f"member {entry.filename!r}")
            if ".." in entry.filename.split("/"):
                raise zipfile.BadZipFile(f"member {entry.filename!r}")
        return {entry.filename: archive.read(entry) for entry in archive.infolist()}
