"""FLAC without decoding: what STREAMINFO says, and whether the file goes on to its end.

The header says how many samples there are; each frame says which sample it begins with, and
ends with a checksum.  So the last frame of the file tells whether a copy was cut off, and how
long a recording is whose encoder could not go back to write the length into the header.

Source: RFC 9639, sections 8.2 (STREAMINFO) and 9 (frames).
"""

import array
import contextlib
import functools
import io
import os
import sys
from dataclasses import dataclass

from steps_py.audio.errors import WaveError, truncated
from steps_py.audio.headers.base import AudioInfo, size_of
from steps_py.audio.headers.kinds import kind_of_file

STREAMINFO_BYTES = 42
MAX_HEADER = 16
MAX_HEADERS = 16  # valid ones that are tried from the end: by chance there is seldom a second
SYNC_CODES = (b"\xff\xf8", b"\xff\xf9")  # frames are numbered, or the samples are
MAX_FRAME = 1 << 17  # where STREAMINFO does not know; frames of 16-bit audio are shorter
ID3V1_BYTES = 128
DECODED_AT_ONCE = 1 << 20  # samples


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """The STREAMINFO block; `num_samples` is None where the encoder did not know it."""

    rate_hz: int
    num_channels: int
    bits: int
    num_samples: int | None
    block_samples: int  # of all frames but the last, where frames are numbered
    frame_bytes: int  # of the largest frame
    begin: int  # of the frames and other blocks behind it


def read_stream_info(file, path: str | os.PathLike) -> StreamInfo:
    """The StreamInfo of an open FLAC file; WaveError if it is none, or damaged."""
    _, _, begin = kind_of_file(file)
    file.seek(begin)
    head = file.read(STREAMINFO_BYTES)
    if not head.startswith(b"fLaC"):
        raise WaveError(f"{path}: not a FLAC file; it begins with {head[:8]!r}. Fetch it again.")
    if len(head) < STREAMINFO_BYTES:
        raise WaveError(f"{path}: ends within its header. Fetch the file again.")
    packed = int.from_bytes(head[18:26], "big")  # 20 bits rate, 3 channels, 5 bits, 36 samples
    rate_hz = packed >> 44
    if rate_hz == 0:
        raise WaveError(f"{path}: damaged; its sample rate is 0 Hz. Fetch it again.")
    return StreamInfo(
        rate_hz,
        num_channels=(packed >> 41 & 7) + 1,
        bits=(packed >> 36 & 31) + 1,
        num_samples=packed & (1 << 36) - 1 or None,
        block_samples=int.from_bytes(head[8:10], "big"),
        frame_bytes=int.from_bytes(head[15:18], "big") or MAX_FRAME,
        begin=begin + STREAMINFO_BYTES,
    )


def flac_info(file, path: str | os.PathLike) -> AudioInfo:
    """The AudioInfo of an open FLAC file; WaveError if its last frame is not there whole."""
    info = read_stream_info(file, path)
    begin = max(info.begin, size_of(file) - info.frame_bytes - 4096)
    file.seek(begin)
    data = file.read()
    found = end_of_last_frame(data, info.block_samples)
    if found is None and data[-ID3V1_BYTES:].startswith(b"TAG"):
        found = end_of_last_frame(data[:-ID3V1_BYTES], info.block_samples)
    if found is None and info.num_samples is None:
        raise WaveError(
            f"{path}: truncated or damaged; the FLAC header has no length, and the file does not"
            f" end with a whole frame. Fetch it again, or encode it again: flac -f {path}"
        )
    if found is None:
        found = _count_by_decoding(path)
    if info.num_samples is not None and found < info.num_samples:
        promised, missing = info.num_samples, info.num_samples - found
        raise truncated(path, promised / info.rate_hz, missing / info.rate_hz)
    num_samples = info.num_samples or found
    return AudioInfo(info.rate_hz, info.num_channels, num_samples, "FLAC", info.bits == 16)


def end_of_last_frame(data: bytes, block_samples: int) -> int | None:
    """The sample behind the frame that `data` ends with, or None if no frame ends there."""
    at, num_headers = len(data), 0
    while at >= 0 and num_headers < MAX_HEADERS:
        at = max(data.rfind(sync, 0, at) for sync in SYNC_CODES)
        end = _parse_frame_header(data[at : at + MAX_HEADER], block_samples) if at >= 0 else None
        if end is not None and crc16(data[at:]) == 0:
            return end
        num_headers += end is not None
    return None


def _count_by_decoding(path):
    """Samples of a file that does not end with a frame: something else follows, or it is cut."""
    import soundfile  # here for start-up time

    count = 0
    with contextlib.suppress(soundfile.LibsndfileError), soundfile.SoundFile(str(path)) as file:
        while block := len(file.read(DECODED_AT_ONCE, dtype="int16", always_2d=True)):
            count += block
    return count


def with_length(file, path: str | os.PathLike) -> io.BytesIO | None:
    """The content of an open file whose header has no length, with it; None if it has one.

    libsndfile does not come to the end of such a file otherwise.
    """
    info = read_stream_info(file, path)
    if info.num_samples is not None:
        return None
    num_samples = flac_info(file, path).num_samples
    file.seek(0)
    data = bytearray(file.read())
    packed = slice(info.begin - STREAMINFO_BYTES + 18, info.begin - STREAMINFO_BYTES + 26)
    data[packed] = (int.from_bytes(data[packed], "big") | num_samples).to_bytes(8, "big")
    return io.BytesIO(data)


def _parse_frame_header(data, block_samples):
    """The sample behind the frame whose header `data` begins with, or None if it has none.

    `block_samples` is the size of all frames but the last, where frames are numbered.
    """
    if len(data) < 6:
        return None
    size_code, rate_code = data[2] >> 4, data[2] & 15
    ones = 8 - (data[4] ^ 0xFF).bit_length()  # as in UTF-8: bytes of the number
    num_extra = max(0, ones - 1)
    at = 5 + num_extra
    size_bytes = {6: 1, 7: 2}.get(size_code, 0)
    rate_bytes = {12: 1, 13: 2, 14: 2}.get(rate_code, 0)
    crc_at = at + size_bytes + rate_bytes
    if size_code == 0 or rate_code == 15 or ones in (1, 8) or crc_at >= len(data):
        return None
    if crc8(data[:crc_at]) != data[crc_at]:
        return None
    number = data[4] & 0x7F >> ones
    for byte in data[5:at]:
        number = number << 6 | byte & 0x3F
    begin = number if data[1] == 0xF9 else number * block_samples
    if size_bytes:
        return begin + int.from_bytes(data[at : at + size_bytes], "big") + 1
    if size_code == 1:
        return begin + 192
    return begin + (576 << size_code - 2 if size_code < 6 else 256 << size_code - 8)


def crc8(data: bytes) -> int:
    """The checksum of a frame header: polynomial x^8 + x^2 + x + 1."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1 ^ (0x07 if crc & 0x80 else 0)) & 0xFF
    return crc


def crc16(data: bytes) -> int:
    """The checksum of a frame, 0 for a whole frame with its own: x^16 + x^15 + x^2 + 1.

    >>> hex(crc16(b"123456789"))
    '0xfee8'
    """
    table = _crc16_table()
    words = array.array("H", b"\0" * (len(data) % 2) + data)
    if sys.byteorder == "little":
        words.byteswap()
    crc = 0
    for word in words:
        crc = table[crc ^ word]
    return crc


@functools.cache
def _crc16_table():
    """What two bytes make of a checksum of 0: half the steps of the usual table of one byte."""
    table = array.array("H", [0])
    for power in range(16):
        word = 0x8005  # x^16; each further power of x is that of the word before, times x
        for _ in range(power):
            word = (word << 1 ^ (0x8005 if word & 0x8000 else 0)) & 0xFFFF
        table.extend(array.array("H", [word ^ lower for lower in table]))
    return table
