"""Check that archives agree with their script files, once, when a recipe joins its tables.

Kaldi's archives have no digest. But a script file has the position of each object, the key
precedes it, and the header gives its size, which is where the next key begins. So an archive that
is truncated, duplicated, changed in a key or header, or of another run is found by reading a few
bytes of each entry. Changed numbers are not found.
"""

import math
import struct
from collections.abc import Iterable

from steps_py.errors import TableError
from steps_py.formats.archives import OpenFiles, naming, place_of

HEAD_BYTES = 32
_TEXT_BYTES = 4096
_CURE = "Delete the archive and its script file, and run the same command again."
_PLAIN = {b"FM": 4, b"DM": 8, b"FV": 4, b"DV": 8}  # bytes of a number
_COMPRESSED = {b"CM": 1, b"CM2": 2, b"CM3": 1}


def check_archives(entries: Iterable) -> None:
    """Check the archives of a script file's rows, an iterable of (key, "path:offset").

    The rows of an archive must be in the order in which they were written, which is the order of
    `TableWriter` and of Kaldi's commands.

    Raises
    ------
    TableError
        Naming the key and the archive: missing, truncated, duplicated, or changed.
    """
    files, end_of = OpenFiles(), {}  # where the next key of an archive begins
    for key, entry in entries:
        path, offset = place_of(entry)
        with naming(key):
            end_of[path] = _check_entry(files, path, offset, key, end_of.get(path, 0))
    for path, end in end_of.items():
        if files.size(path) > end:
            raise TableError(
                f"{path}: {files.size(path) - end} bytes after its last entry. {_CURE}"
            )


def _check_entry(files, path, offset, key, begin):
    """The position after the entry."""
    title = key.encode(errors="surrogateescape") + b" "
    data = files.read_some(path, max(0, offset - len(title)), len(title) + HEAD_BYTES)
    if offset < len(title) or not data.startswith(title):
        raise TableError(f"{path}:{offset}: the key before it is another one. {_CURE}")
    if begin != offset - len(title):
        raise TableError(f"{path}:{offset}: the entry before it ends elsewhere. {_CURE}")
    head = data[len(title) :]
    if head.lstrip().startswith(b"["):
        return _end_of_text(files, path, offset)
    num_bytes = _num_bytes(head)
    if num_bytes is None:
        raise TableError(f"{path}:{offset}: no matrix or vector found. {_CURE}")
    if offset + num_bytes > files.size(path):
        raise TableError(
            f"{path}: ends at byte {files.size(path)}, within the object at {offset}. {_CURE}"
        )
    return offset + num_bytes


def _end_of_text(files, path, offset):
    """The position after the line with the bracket that closes a vector or matrix."""
    while data := files.read_some(path, offset, _TEXT_BYTES):
        at = data.find(b"]")
        if at >= 0:
            if files.read_some(path, offset + at + 1, 1) != b"\n":
                break
            return offset + at + 2
        offset += len(data)
    raise TableError(f"{path}: no ']' and end of line after byte {offset}. {_CURE}")


def _num_bytes(head):
    """Size of the binary matrix or vector that begins with `head`; None if it is none."""
    token, _, rest = head[2:].partition(b" ")
    try:
        if head[:2] != b"\0B":
            return None
        if token in _COMPRESSED:
            shape, body = struct.unpack_from("<ii", rest, 8), 16
            body += 8 * shape[1] if token == b"CM" else 0
            if shape[0] == 0 and rest[16:20] == bytes(4):  # Kaldi writes more than it reads
                body += 4
            body += math.prod(shape) * _COMPRESSED[token]
        else:
            form = "<bibi" if token.endswith(b"M") else "<bi"
            shape = struct.unpack_from(form, rest)[1::2]
            body = struct.calcsize(form) + math.prod(shape) * _PLAIN[token]
    except (struct.error, KeyError):
        return None
    return 3 + len(token) + body if min(shape) >= 0 else None
