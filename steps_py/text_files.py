"""Lists and configs in UTF-8, with or without a byte order mark."""

import os
from pathlib import Path

from steps_py.errors import DataDirError


def read_lines(path: str | os.PathLike, error_class: type = DataDirError) -> list[tuple[int, str]]:
    """``[(number, line)]`` of a list, numbered from 1, stripped, without blank lines.

    A byte order mark and Windows line ends are removed. For a file in another encoding,
    `error_class` is raised with the line number.
    """
    lines = decode(Path(path).read_bytes(), path, error_class).split("\n")
    return [(number, line.strip()) for number, line in enumerate(lines, 1) if line.strip()]


def decode(
    content: bytes, path: str | os.PathLike, error_class: type = DataDirError, first: int = 1
) -> str:
    """Decode UTF-8, without a byte order mark; `error_class` with the line number if it is not.

    `content` begins at line `first`.

    >>> decode(b"\\xef\\xbb\\xbfspk1/a.wav\\n", "list")
    'spk1/a.wav\\n'
    """
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise error_class(
            f"{path}:{first}: begins with the byte order mark of UTF-16. Save the file as UTF-8."
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + first
        raise error_class(
            f"{path}:{line}: not UTF-8: byte 0x{content[error.start]:02x}. Save the file as UTF-8."
        ) from None
