"""The header of an m4a file (AAC in MP4): rate, channels and length, without decoding.

An MP4 file is a tree of boxes, each four bytes of size, four of type, then its content.
The boxes read here lie in ``moov/trak``: ``mdhd`` has the length in units of the sample
rate, ``elst`` the samples at the beginning that a decoder drops, ``esds`` the decoder's
configuration with the number of channels.

Source: ISO/IEC 14496-12 (boxes), 14496-1 section 7.2.6 (descriptors of esds) and
14496-3 section 1.6.2 (AudioSpecificConfig).
"""

import os
import struct

from steps_py.audio.errors import WaveError
from steps_py.audio.headers.base import AudioInfo, size_of

CONTAINERS = (b"moov", b"trak", b"mdia", b"edts", b"minf", b"stbl")
DEEPEST = 8
MDHD_BYTES = {0: 20, 1: 32}  # up to the end of the length, by version


def m4a_info(file, path: str | os.PathLike) -> AudioInfo:
    """The AudioInfo of the first track; WaveError if the file is empty, cut off or no MP4.

    A decoder may return up to one AAC frame (1,024 samples) more or less.
    """
    num_bytes = size_of(file)
    if num_bytes == 0:
        raise WaveError(f"{path}: is empty. Fetch it again.")
    moov = _find_moov(file, num_bytes, path)
    boxes = dict(_walk(moov, 0, len(moov)))
    sound_bytes = _sound_bytes(boxes.get(b"stsz", b""))
    if sound_bytes > num_bytes:
        raise WaveError(
            f"{path}: is cut off; the frames of its sound have {sound_bytes} bytes, the file"
            f" {num_bytes}. Fetch it again."
        )
    mdhd = boxes.get(b"mdhd") or b"\0"
    if len(mdhd) < MDHD_BYTES.get(mdhd[0], 20):
        raise WaveError(f"{path}: has no track; box 'mdhd' is missing or cut off. Fetch it again.")
    rate_hz, num_samples = _parse_mdhd(mdhd)
    num_samples -= _num_dropped(boxes.get(b"elst", b""))
    if num_samples <= 0 and b"mvex" in moov:
        raise WaveError(
            f"{path}: MP4 in fragments, whose header has no length. Rewrite it: ffmpeg -i {path} -c"
            " copy FILE.m4a"
        )
    if rate_hz == 0 or num_samples <= 0:
        raise WaveError(f"{path}: has no sample. Fetch it again.")
    return AudioInfo(rate_hz, _num_channels(moov), num_samples, "MP4 (m4a)")


def _sound_bytes(stsz):
    """Bytes of all frames by the box that lists their sizes; 0 without it."""
    if len(stsz) < 12:
        return 0
    size, count = struct.unpack_from(">II", stsz, 4)
    if size:
        return size * count
    count = min(count, (len(stsz) - 12) // 4)
    return sum(struct.unpack_from(f">{count}I", stsz, 12))


def _find_moov(file, num_bytes, path):
    """The content of the top-level box moov; every box must end inside the file."""
    position, moov = 0, None
    while position + 8 <= num_bytes:
        file.seek(position)
        size, kind = struct.unpack(">I4s", file.read(8))
        header = 8
        if size == 1 and position + 16 <= num_bytes:
            size, header = struct.unpack(">Q", file.read(8))[0], 16
        elif size == 0:
            size = num_bytes - position
        if not kind.isalnum() or size < header:
            raise WaveError(
                f"{path}: is no m4a file (box {kind!r} at byte {position}). Fetch it again."
            )
        if position + size > num_bytes:
            raise WaveError(
                f"{path}: is cut off; box '{kind.decode()}' ends at byte {position + size},"
                f" the file at {num_bytes}. Fetch it again."
            )
        if kind == b"moov":
            moov = file.read(size - header)
        position += size
    if moov is None:
        raise WaveError(f"{path}: is cut off or no m4a file; it has no box 'moov'. Fetch it again.")
    return moov


def _walk(content, begin, end, depth=0):
    """Yield (type, content) of the boxes below `content` that hold no boxes themselves."""
    while begin + 8 <= end:
        size, kind = struct.unpack_from(">I4s", content, begin)
        if size < 8:
            return
        if kind in CONTAINERS and depth < DEEPEST:
            yield from _walk(content, begin + 8, min(begin + size, end), depth + 1)
        else:
            yield kind, content[begin + 8 : begin + size]
        begin += size


def _parse_mdhd(content):
    """(time scale, duration): the time scale of an audio track is its sample rate."""
    if content[0] == 1:  # times and lengths of eight bytes
        return struct.unpack_from(">IQ", content, 20)
    return struct.unpack_from(">II", content, 12)


def _num_dropped(content):
    """Samples that the edit list drops at the beginning: the encoder's run-in."""
    if len(content) < 16 or content[0] != 0:
        return 0
    return max(0, struct.unpack_from(">i", content, 12)[0])


def _num_channels(moov):
    """Channels by the AudioSpecificConfig in esds; 1 where a file does not say.

    The sample entry's own count is of no use: MP4 writers put 2 there for mono too.
    """
    at = moov.find(b"esds") + 8  # behind the type, a version and flags
    try:
        at = _open_descriptor(moov, at, tag=3) + 3  # behind the number of the stream, flags
        at = _open_descriptor(moov, at, tag=4) + 13  # behind codec, buffer size, bit rates
        at = _open_descriptor(moov, at, tag=5)
    except LookupError:
        return 1
    bits = int.from_bytes(moov[at : at + 2], "big")
    # 5 bits of object type, 4 of frequency (15: spelt out behind), 4 of channels
    return (bits >> 3 & 0xF) or 1 if bits >> 7 & 0xF != 15 else 1


def _open_descriptor(content, at, tag):
    """Position of the content of the descriptor at `at`; LookupError if it is another."""
    if content[at] != tag:
        raise LookupError(tag)
    at += 1
    while content[at] & 0x80:  # a length of several bytes of 7 bits
        at += 1
    return at + 1
