"""FLAC without decoding: bits per sample, and whether the file goes on to its end.

The header says how many samples there are; each frame says which sample it begins with.
So the last frame of the file tells whether a copy was cut off.

Source: RFC 9639, sections 8.2 (STREAMINFO) and 9.1 (frame headers).
"""

import os

from steps_py.errors import AudioError

STREAMINFO_END = 42
MAX_HEADER = 16
SYNC_CODES = (b"\xff\xf8", b"\xff\xf9")  # frames are numbered, or the samples are
MAX_FRAME = 1 << 17  # where STREAMINFO does not know; frames of 16-bit audio are shorter


def check_flac(path):
    """Bits per sample of a FLAC file; AudioError if its last frame is not there."""
    with open(path, "rb") as file:
        head = file.read(STREAMINFO_END)
        if len(head) < STREAMINFO_END or not head.startswith(b"fLaC"):
            raise AudioError(f"{path}: is no FLAC file. Fetch it again.")
        block_samples = int.from_bytes(head[8:10], "big")
        frame_bytes = int.from_bytes(head[15:18], "big") or MAX_FRAME
        packed = int.from_bytes(head[18:26], "big")  # 20 bits rate, 3, 5, 36 samples
        rate_hz, num_bits, num_samples = (
            packed >> 44,
            (packed >> 36 & 31) + 1,
            packed & (1 << 36) - 1,
        )
        begin = max(STREAMINFO_END, os.fstat(file.fileno()).st_size - frame_bytes - 4096)
        if rate_hz == 0:
            raise AudioError(f"{path}: damaged; its sample rate is 0 Hz. Fetch it again.")
        file.seek(begin)
        end = _end_of_last_frame(file.read(), block_samples)
    if end is None and begin > STREAMINFO_END:
        return num_bits  # something else follows the frames; the decoder will say
    if num_samples and (end or 0) < num_samples:
        lost = num_samples - (end or 0)
        raise AudioError(
            f"{path}: truncated; the header promises {num_samples / rate_hz:.2f} s,"
            f" {lost / rate_hz:.2f} s of them are missing. Fetch it again."
        )
    return num_bits


def _end_of_last_frame(data, block_samples):
    """The sample behind the last frame that begins in `data`, or None if none does."""
    at = len(data)
    while at >= 0:
        at = max(data.rfind(sync, 0, at) for sync in SYNC_CODES)
        end = _parse_frame_header(data[at : at + MAX_HEADER], block_samples) if at >= 0 else None
        if end is not None:
            return end
    return None


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
    if _crc8(data[:crc_at]) != data[crc_at]:
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


def _crc8(data):
    """The checksum of a frame header: polynomial x^8 + x^2 + x + 1."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1 ^ (0x07 if crc & 0x80 else 0)) & 0xFF
    return crc
