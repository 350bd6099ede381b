"""Atomic writes of files."""

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


@contextlib.contextmanager
def atomic_write(path: str | os.PathLike, mode: str = "w") -> Iterator[IO]:
    """Open a temporary sibling of `path`; rename it to `path` when the block succeeds.

    A reader never sees an incomplete file, and a killed writer leaves the old file in place. The
    folder is created if it does not exist.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> with atomic_write(folder / "utt2spk") as out:
    ...     _ = out.write("utt1 spk1\\n")
    >>> [p.name for p in folder.iterdir()]
    ['utt2spk']
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, mode) as out:
            yield out
            out.flush()
            os.fsync(out.fileno())
        os.replace(temporary, path)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno in DISK_ERRORS and error.filename is None:
            error.filename = str(path)  # a failing write does not name its file
        raise
