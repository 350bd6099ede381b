"""The header of WAV files: RIFF, RIFX (big-endian), RF64 and Wave64.

Sources: src/feat/wave-reader.cc of Kaldi for files of unknown length; EBU Tech 3306 (RF64);
Sony, "Wave64 file format".
"""

import os
import struct
from dataclasses import dataclass

from steps_py.audio.errors import WaveError, truncated
from steps_py.audio.headers.base import AudioInfo, libsndfile_info, size_of
from steps_py.audio.headers.kinds import not_a_wave

PCM, FLOAT, EXTENSIBLE = 1, 3, 0xFFFE
PLAIN = (PCM, FLOAT, 6, 7)  # a fixed number of bytes per sample; others pack samples in blocks
PCM_GUID = b"\x01\0\0\0\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71"
ORDERS = {b"RIFF": "<", b"RIFX": ">", b"RF64": "<", b"BW64": "<"}
PIECE_BYTES = 1 << 25
# Sizes written before the end was known: 0, sox's 0x7FFFF000 (less the part of a sample),
# 0x7FFFFFFF, 0xFFFFFFFF, and the last less a header.
SOX_UNKNOWN, MAX_SIGNED, NEARLY_MAX = 0x7FFFF000, 0x7FFFFFFF, 0xFFFF0000


@dataclass(frozen=True, slots=True)
class RiffHeader:
    """A parsed header; `declared` is the size of the data chunk as it stands there."""

    magic: bytes
    rate_hz: int
    num_channels: int
    encoding: int  # the format tag: 1 is PCM
    bits: int
    bytes_per_sample: int  # of all channels; for blocks of samples, of a block
    declared: int
    is_unknown: bool  # how many bytes of samples come
    byte_order: str

    @property
    def num_bytes(self) -> int | None:
        """Bytes of whole samples, or None if the header does not know."""
        return None if self.is_unknown else self.declared - self.declared % self.bytes_per_sample

    @property
    def is_pcm16(self) -> bool:
        return self.encoding == PCM and self.bits == 16


def parse_riff(file, where: str | os.PathLike) -> RiffHeader:
    """The RiffHeader of the data in a binary file, which is left at the first sample."""
    riff = file.read(12)
    if riff[:4] not in ORDERS or riff[8:] != b"WAVE":
        rest = file.read(20) if riff else b""  # the rest tells the format
        raise WaveError(f"{where}: {not_a_wave(riff + rest, str(where).split(', key ')[0])}")
    order = ORDERS[riff[:4]]
    riff_bytes = struct.unpack(order + "I", riff[4:8])[0]
    layout, long_bytes = None, None
    for tag, num_bytes in _chunks(file, order, where):
        if tag == b"data":
            break
        body = read_up_to(file, num_bytes)
        if len(body) < num_bytes:
            raise WaveError(f"{where}: ends within its header. Fetch the file again.")
        if tag == b"fmt ":
            layout = _layout(body, order, where)
        elif tag == b"ds64" and len(body) >= 16:
            riff_bytes, long_bytes = struct.unpack("<QQ", body[:16])
    if layout is None:
        raise WaveError(f"{where}: samples come before their format. Convert the file with sox.")
    block = layout[-1]
    if long_bytes is not None and num_bytes == 0xFFFFFFFF:
        num_bytes, unknown = long_bytes, long_bytes in (0, (1 << 64) - 1)
    else:
        unknown = riff_bytes in (0, 0xFFFFFFFF) or _is_unknown(num_bytes, block)
    return RiffHeader(riff[:4], *layout, num_bytes, unknown, order)


def _is_unknown(num_bytes, block):
    is_sox = SOX_UNKNOWN - block < num_bytes <= MAX_SIGNED
    return num_bytes == 0 or is_sox or num_bytes >= NEARLY_MAX


def read_up_to(file, num_bytes: int) -> bytes:
    """As many bytes, or all there are: a damaged header may promise more than fits in memory."""
    data = file.read(min(num_bytes, PIECE_BYTES))
    if len(data) == num_bytes:  # nearly always
        return data
    parts, left = [data], num_bytes - len(data)
    while left and (part := file.read(min(left, PIECE_BYTES))):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def _chunks(file, order, where):
    """Yield (tag, bytes) of each chunk; the consumer reads its body."""
    odd = False
    while True:
        head = file.read(8)
        if odd and head[:1] == b"\0":  # the byte that makes a chunk even
            head = head[1:] + file.read(1)
        if len(head) < 8:
            raise WaveError(f"{where}: no samples; the header has no data chunk. Make it again.")
        tag, num_bytes = struct.unpack(order + "4sI", head)
        yield tag, num_bytes
        odd = num_bytes % 2 == 1


def _layout(body, order, where):
    """(rate, channels, encoding, bits, bytes of a sample) that the format chunk declares."""
    if len(body) < 16 or (body[:2] in (b"\xfe\xff", b"\xff\xfe") and len(body) < 26):
        raise WaveError(f"{where}: a format chunk of {len(body)} bytes. Make the file again.")
    kind, num_channels, rate_hz, byte_rate, block, bits = struct.unpack(order + "HHIIHH", body[:16])
    if kind == EXTENSIBLE:
        kind = PCM if body[24:40] == PCM_GUID else struct.unpack(order + "H", body[24:26])[0]
    if num_channels == 0 or rate_hz == 0 or block == 0:
        raise WaveError(
            f"{where}: {num_channels} channels at {rate_hz} Hz, {block} bytes for a sample of all."
            " Make the file again."
        )
    is_pcm16 = kind == PCM and bits == 16
    if is_pcm16 and (block != 2 * num_channels or byte_rate != block * rate_hz):
        raise WaveError(
            f"{where}: the header contradicts itself: {num_channels} channels of 16 bits at"
            f" {rate_hz} Hz, but {block} bytes a sample and {byte_rate} a second."
            f" Rewrite it: sox {where} -t wav - |"
        )
    return rate_hz, num_channels, kind, bits, block


def is_only_chunks(file, begin: int, end: int, order: str) -> bool:
    """Whether bytes [begin, end) are chunks of text and the like, and no samples.

    A data chunk of 0 bytes is empty if chunks follow to the end; if not, its writer did not
    know how much would come.
    """
    at = begin
    while at + 8 <= end:
        file.seek(at)
        tag, num_bytes = struct.unpack(order + "4sI", file.read(8))
        if not all(0x20 <= byte < 0x7F for byte in tag):
            return False
        at += 8 + num_bytes + num_bytes % 2
    return at > begin and at in (end, end + 1)


def locate_samples(file, where: str | os.PathLike, offset: int = 0) -> tuple[RiffHeader, int, int]:
    """(header, first byte, number of bytes) of the samples of an open file, from `offset` on.

    Raises
    ------
    WaveError
        If the file ends before the header says, or is no WAV file.
    """
    file.seek(offset)
    header = parse_riff(file, where)
    begin = file.tell()
    available = size_of(file) - begin
    promised = None if _is_unknown(header.declared, header.bytes_per_sample) else header.declared
    if promised is not None and available < promised:
        per_second = header.bytes_per_sample * header.rate_hz
        if header.encoding not in PLAIN:
            raise WaveError(
                f"{where}: truncated; the header promises {promised} bytes of samples,"
                f" {promised - available} of them are missing. Fetch it again."
            )
        raise truncated(where, promised / per_second, (promised - available) / per_second)
    if header.num_bytes is not None:
        return header, begin, header.num_bytes
    if header.declared == 0 and is_only_chunks(file, begin, begin + available, header.byte_order):
        return header, begin, 0
    return header, begin, available - available % header.bytes_per_sample


def riff_info(file, path: str | os.PathLike) -> AudioInfo:
    """The AudioInfo of a RIFF, RIFX or RF64 file, samples of any kind."""
    header, _, num_bytes = locate_samples(file, path)
    kind = "WAV" if header.magic in (b"RIFF", b"RIFX") else "RF64"
    if header.encoding not in PLAIN and num_bytes:
        return libsndfile_info(path, kind)
    num_samples = num_bytes // header.bytes_per_sample
    is_16bit = header.is_pcm16 or kind == "RF64"  # ffmpeg makes it so
    return AudioInfo(header.rate_hz, header.num_channels, num_samples, kind, is_16bit)


def wave64_info(file, path: str | os.PathLike) -> AudioInfo:
    """The AudioInfo of a Wave64 file: as RIFF, but with names and sizes of 16 and 8 bytes."""
    size, at = size_of(file), 40
    while at + 24 <= size:
        file.seek(at)
        tag, num_bytes = struct.unpack("<4s12xQ", file.read(24))
        if tag == b"data" or num_bytes < 24:
            break
        at += num_bytes + -num_bytes % 8
    if at + 24 > size or tag != b"data":
        raise WaveError(f"{path}: no samples; the header has no data chunk. Make it again.")
    if at + num_bytes > size:
        raise WaveError(
            f"{path}: truncated; the header promises {num_bytes - 24} bytes of samples,"
            f" {at + num_bytes - size} of them are missing. Fetch it again."
        )
    info = libsndfile_info(path, "Wave64")
    return AudioInfo(info.rate_hz, info.num_channels, info.num_samples, "Wave64")
