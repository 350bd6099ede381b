"""Files that appear whole or not at all."""

import contextlib
import errno
import os
from pathlib import Path

DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


@contextlib.contextmanager
def atomic_write(path, mode="w"):
    """Open a temporary sibling of `path`; rename it to `path` when the block succeeds.

    A reader never sees half a file, and a killed writer leaves the old one in place.
    The folder is made if it is missing.

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
