"""A record of the files that jobs wrote (size, time and digest), to detect changed files.

Snakemake compares modification times only, so an output that is truncated, edited or replaced by
an older file would count as complete. Here it differs from its record, and its job runs again.
"""

import json
import os
from pathlib import Path

from steps_py.data.sources import digest_of_made

MAX_DIGEST_BYTES = 64 << 20  # of larger files the size alone is compared


class MadeFiles:
    """The record of one recipe, a file of JSON lines; for each path the last line is valid.

    Parameters
    ----------
    path : path
        The file of the record; it need not exist.
    """

    def __init__(self, path: str | os.PathLike):
        self.path = Path(path)
        self._known = {}
        if self.path.is_file():
            for line in self.path.read_text(encoding="utf-8", errors="replace").splitlines():
                try:
                    self._known.update(json.loads(line))
                except ValueError:  # the last line of a run that was killed
                    continue

    def exists(self) -> bool:
        """Whether a run was started in this recipe before."""
        return self.path.is_file()

    def paths(self, folder: str | os.PathLike) -> list[str]:
        """The recorded files and folders that exist in the recipe's `folder`; relative paths."""
        return [path for path in self._known if os.path.exists(Path(folder, path))]

    def begin(self) -> None:
        """Record that a run was started."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.touch()

    def add(self, paths) -> None:
        """Record the present state of files and folders; missing ones are skipped."""
        new = {str(path): describe(path) for path in paths if os.path.exists(path)}
        if not new:
            return
        self._known |= new
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(f"{json.dumps(new)}\n")

    def is_changed(self, path: str | os.PathLike) -> bool:
        """Whether the file exists and differs from its record."""
        known = self._known.get(str(path))
        if known is None or not os.path.exists(path):
            return False
        size, time_ns, digest = known
        if os.path.isdir(path):
            return digest_of_made(path) != digest
        stat = os.stat(path)
        if (stat.st_size, stat.st_mtime_ns) == (size, time_ns):
            return False
        return stat.st_size != size or (digest is not None and digest_of_made(path) != digest)


def describe(path: str | os.PathLike):
    """(size in bytes, modification time in ns, digest) of a file; no digest for a large file."""
    stat = os.stat(path)
    small = os.path.isdir(path) or stat.st_size <= MAX_DIGEST_BYTES
    return stat.st_size, stat.st_mtime_ns, digest_of_made(path) if small else None
