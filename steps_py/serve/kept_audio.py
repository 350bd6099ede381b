"""Recordings that clients sent, in a folder, if the server was started to keep them."""

import datetime
import os
import secrets
from collections.abc import Iterable

from steps_py.serve.uploads import Upload


def keep(folder: str | os.PathLike, uploads: Iterable[Upload]) -> list[str]:
    """Write recordings as they came, under names of this program's own; their paths.

    >>> import tempfile
    >>> [path] = keep(tempfile.mkdtemp(), [Upload("../anna.wav", b"RIFF")])
    >>> os.path.basename(path).count("."), open(path, "rb").read()
    (1, b'RIFF')
    """
    paths = []
    for upload in uploads:
        now = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%S")
        path = os.path.join(folder, f"{now}-{secrets.token_hex(8)}.audio")
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(upload.data)
        paths.append(path)
    return paths
