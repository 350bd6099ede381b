"""A record of the files that jobs wrote: size, time and digest, to notice a changed one.

Snakemake compares modification times. A product that is cut, edited or replaced by an older
file would count as made; here it differs from its record, and its job runs again.
"""

import json
import os
from pathlib import Path

from steps_py.data.sources import digest_of_made

MAX_DIGEST_BYTES = 64 << 20  # of larger files the size alone is compared


class MadeFiles:
    """The record of one recipe, a file of JSON lines; the last line of a path counts.

    Parameters
    ----------
    path : path
        Where it is kept; there need not be one.
    """

    def __init__(self, path):
        self.path = Path(path)
        self._known = {}
        if self.path.is_file():
            for line in self.path.read_text(encoding="utf-8", errors="replace").splitlines():
                try:
                    self._known.update(json.loads(line))
                except ValueError:  # the last line of a run that was killed
                    continue

    def exists(self) -> bool:
        """Whether a run has begun here before."""
        return self.path.is_file()

    def begin(self) -> None:
        """Note that a run has begun."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.touch()

    def add(self, paths) -> None:
        """Record files and folders as they are now; what is not there is left out."""
        new = {str(path): describe(path) for path in paths if os.path.exists(path)}
        if not new:
            return
        self._known |= new
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(f"{json.dumps(new)}\n")

    def is_changed(self, path) -> bool:
        """Is the file there, and another than the one that was recorded?"""
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


def describe(path):
    """(bytes, modification time in ns, digest) of a file; the digest is None of a large one."""
    stat = os.stat(path)
    small = os.path.isdir(path) or stat.st_size <= MAX_DIGEST_BYTES
    return stat.st_size, stat.st_mtime_ns, digest_of_made(path) if small else None
