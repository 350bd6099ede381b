"""Writes metrics of epochs as a TensorBoard event file, without depending on TensorBoard.

The file is a sequence of records -- length, its checksum, an Event message, its checksum -- as in
tensorflow/core/lib/io/record_writer.h; the message is the protocol buffer tensorflow.Event with
one scalar per value.  TensorBoard itself would add a web server, gRPC and Protobuf to the
dependencies.
"""

import struct
from pathlib import Path

from steps_py.files import atomic_write

NOT_CURVES = ("stage", "epoch", "wall_time")


def write_events(path: str | Path, rows: list[dict]) -> None:
    """Write the event file of all epochs; each epoch is in it once, also after a resume.

    `rows` are dicts of numbers or None, with wall_time in seconds since 1970.  Existing content
    is appended to, so that a running TensorBoard sees the file grow.
    """
    path = Path(path)
    messages = [event(rows[0]["wall_time"] if rows else 0.0, 0, field(3, b"brain.Event:2"))]
    for number, row in enumerate(rows, 1):
        scalars = {k: v for k, v in row.items() if v is not None and k not in NOT_CURVES}
        values = b"".join(field(1, scalar(tag, value)) for tag, value in scalars.items())
        messages.append(event(row["wall_time"], number, field(5, values)))
    content = b"".join(map(record, messages))
    existing = path.read_bytes() if path.exists() else b""
    if existing and content.startswith(existing):
        with open(path, "ab") as out:
            out.write(content[len(existing) :])
    else:
        with atomic_write(path, "wb") as out:
            out.write(content)


def event(wall_time: float, step: int, content: bytes) -> bytes:
    """tensorflow.Event: wall_time = 1 (double), step = 2 (int64), and `content`."""
    return b"\x09" + struct.pack("<d", wall_time) + b"\x10" + varint(step) + content


def scalar(tag: str, value: float) -> bytes:
    """tensorflow.Summary.Value: tag = 1, simple_value = 2 (float)."""
    return field(1, tag.encode()) + b"\x15" + struct.pack("<f", value)


def field(number: int, content: bytes) -> bytes:
    """A protocol buffer field of bytes.

    >>> field(1, b"ab")
    b'\\n\\x02ab'
    """
    return varint(number << 3 | 2) + varint(len(content)) + content


def varint(number: int) -> bytes:
    """Variable-length integer: groups of seven bits, the least significant first.

    >>> varint(300)
    b'\\xac\\x02'
    """
    groups = []
    while number > 127:
        groups.append(number & 127 | 128)
        number >>= 7
    return bytes([*groups, number])


def record(data: bytes) -> bytes:
    """A record of an event file."""
    length = struct.pack("<Q", len(data))
    return length + masked_crc(length) + data + masked_crc(data)


def masked_crc(data: bytes) -> bytes:
    """CRC-32C, rotated by 15 bits, plus a constant."""
    crc = crc32c(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def crc32c(data: bytes) -> int:
    """CRC-32C (Castagnoli).

    >>> hex(crc32c(b"123456789"))    # RFC 3720's check value
    '0xe3069283'
    """
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ TABLE[(crc ^ byte) & 255]
    return crc ^ 0xFFFFFFFF


def _entry(byte):
    for _ in range(8):
        byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
    return byte


TABLE = [_entry(byte) for byte in range(256)]
