"""MP3 without decoding: its frames are counted, and compared with the number promised.

The first frame may hold no sound but the number of frames (Xing, Info or VBRI).

Sources: ISO/IEC 11172-3 section 2.4.1.3 and 13818-3 (frame headers); the Xing and VBRI
headers as LAME and Fraunhofer write them.
"""

import mmap
import os

from steps_py.audio.errors import WaveError, truncated
from steps_py.audio.headers.base import AudioInfo, libsndfile_info, size_of
from steps_py.audio.headers.kinds import id3_bytes

_LAYER1, _LAYER2, _LAYER3 = 3, 2, 1  # as a header has them
_VERSION1 = 3
_LOW_RATES = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
KBITS = {  # (version 1 or not, layer) -> bit rates by their index
    (True, _LAYER1): tuple(range(0, 449, 32)),
    (True, _LAYER2): (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, _LAYER3): (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, _LAYER1): (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, _LAYER2): _LOW_RATES,
    (False, _LAYER3): _LOW_RATES,
}
RATES_HZ = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
SAME_MASK = 0xFFFE0C00  # sync, version, layer and sample rate: the same in all frames
FREE_FORMAT = "free format"


def mp3_info(file, path: str | os.PathLike) -> AudioInfo:
    """The AudioInfo of an open MP3 file; WaveError if frames are missing or the last is cut."""
    if size_of(file) == 0:
        raise WaveError(f"{path}: empty file (0 bytes). Fetch it again.")
    file.seek(0)
    begin = id3_bytes(file.read(10))
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        begin = _next_frame(data, begin, None)
        if begin is None:
            raise WaveError(f"{path}: damaged; no MP3 frame is in it. Fetch it again.")
        first = _parse_frame(data, begin)
        if first == FREE_FORMAT:
            return libsndfile_info(path, "MP3")
        num_frames, cut = _count_frames(data, begin)
        num_bytes, num_samples, rate_hz = first
        promised = _promised_frames(data[begin : begin + num_bytes])
    frame_sec = num_samples / rate_hz
    num_frames -= promised is not None  # that of the header has no sound
    if cut or (promised and num_frames < promised - 1):
        if promised:
            raise truncated(path, promised * frame_sec, (promised - num_frames) * frame_sec)
        raise WaveError(
            f"{path}: truncated within a frame, after {num_frames * frame_sec:.2f} s."
            " Fetch it again."
        )
    info = libsndfile_info(path, "MP3")
    if promised is not None:
        return info
    # without a header libsndfile estimates the length from the size of the first frame
    return AudioInfo(rate_hz, info.num_channels, num_frames * num_samples, "MP3", False)


def _count_frames(data, at):
    """(number of whole frames from `at` on, whether another one is cut off)."""
    same = _same_bits(data, at)
    count, size = 0, len(data)
    while at is not None and at + 4 <= size:
        frame = _parse_frame(data, at) if _same_bits(data, at) == same else None
        if frame is None or frame == FREE_FORMAT:
            at = None if _is_tag(data[at : at + 16]) else _next_frame(data, at + 1, same)
            continue
        if at + frame[0] > size:
            return count, True
        count, at = count + 1, at + frame[0]
    return count, False


def _next_frame(data, at, same):
    """Position of the next frame that another one follows, or that ends the file."""
    while (at := data.find(b"\xff", at)) >= 0:
        frame = _parse_frame(data, at)
        if frame == FREE_FORMAT and same is None:
            return at
        if frame not in (None, FREE_FORMAT) and same in (None, _same_bits(data, at)):
            end = at + frame[0]
            if end >= len(data) - 4 or _same_bits(data, end) == _same_bits(data, at):
                return at
        at += 1
    return None


def _same_bits(data, at):
    return int.from_bytes(data[at : at + 4], "big") & SAME_MASK


def _parse_frame(data, at):
    """(bytes, samples of each channel, sample rate) of the frame at `at`, or None."""
    head = data[at : at + 4]
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    version, layer = head[1] >> 3 & 3, head[1] >> 1 & 3
    rate_index, rate_of_bits, padding = head[2] >> 2 & 3, head[2] >> 4, head[2] >> 1 & 1
    if version == 1 or layer == 0 or rate_index == 3 or rate_of_bits == 15:
        return None
    if rate_of_bits == 0:
        return FREE_FORMAT
    rate_hz = RATES_HZ[version][rate_index]
    bits_per_sec = 1000 * KBITS[version == _VERSION1, layer][rate_of_bits]
    if layer == _LAYER1:
        return 4 * (12 * bits_per_sec // rate_hz + padding), 384, rate_hz
    num_samples = 576 if layer == _LAYER3 and version != _VERSION1 else 1152
    return num_samples // 8 * bits_per_sec // rate_hz + padding, num_samples, rate_hz


def _promised_frames(frame):
    """Number of frames by a Xing, Info or VBRI header in the first one; None without."""
    for name in (b"Xing", b"Info"):
        at = frame.find(name, 4, 48)
        if at >= 0 and len(frame) >= at + 12 and frame[at + 7] & 1:
            return int.from_bytes(frame[at + 8 : at + 12], "big")
    if frame[36:40] == b"VBRI":
        return int.from_bytes(frame[50:54], "big")
    return None


def _is_tag(data):
    """Does a tag begin here, or the zeros that fill up a file?"""
    return data.startswith((b"TAG", b"APETAGEX", b"LYRICSBEGIN", b"ID3")) or not any(data)
