"""Digests of the input files of a recipe, to detect changes.

Modification times are not enough: a file that is replaced by an older one (``cp -p``, ``git
checkout``, ``rsync -t``) would not count as changed.
"""

import hashlib
import os
from pathlib import Path

MISSING = "missing"


def digest_of_file(path: str | os.PathLike) -> str:
    """The first 16 hexadecimal digits of a file's SHA-256; ``"missing"`` where there is none.

    >>> digest_of_file("/nonexistent")
    'missing'
    """
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:16]
    except (FileNotFoundError, NotADirectoryError):
        return MISSING


def digest_of_files(paths: list) -> str:
    """One digest of several files: of their names and contents, in the order given."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(f"{path}\0{digest_of_file(path)}\0".encode())
    return digest.hexdigest()[:16]


def state_of_audio(root: str | os.PathLike, paths: list[str] | None = None) -> str:
    """A digest of the names, sizes and modification times of recordings; contents are not read.

    Parameters
    ----------
    root : path
        Folder of the recordings.
    paths : iterable of str, optional
        Recordings, relative to `root`.  By default all files below it.

    Returns
    -------
    str
        16 hexadecimal digits; ``"missing"`` if there is no such folder.
    """
    root = os.fspath(root)
    if not os.path.isdir(root):
        return MISSING
    digest = hashlib.sha256()
    stats = _stats_of(root, paths) if paths is not None else _stats_below(root)
    for path, stat in sorted(stats):
        known = f"{stat.st_size} {stat.st_mtime_ns}" if stat else MISSING
        digest.update(f"{path}\0{known}\0".encode(errors="surrogateescape"))
    return digest.hexdigest()[:16]


def _stats_of(root, paths):
    for path in paths:
        try:
            yield path, os.stat(os.path.join(root, path))
        except OSError:
            yield path, None


def _stats_below(root, below=""):
    with os.scandir(os.path.join(root, below)) as entries:
        for entry in entries:
            path = os.path.join(below, entry.name)
            if entry.is_dir():
                yield from _stats_below(root, path)
            else:
                try:
                    yield path, entry.stat()
                except OSError:  # a broken link
                    yield path, None


def digest_of_made(path: str | os.PathLike) -> str:
    """`digest_of_file` of a file, `state_of_audio` of a folder."""
    return state_of_audio(path) if Path(path).is_dir() else digest_of_file(path)
