"""Formats of audio files, known by how a file begins, whatever its name says."""

import os
from dataclasses import dataclass

from steps_py.formats.compression import compression_of

FFMPEG = "ffmpeg -v 8 -i {} -f wav -acodec pcm_s16le - |"
SOX = "sox {} -b 16 -t wav - |"
START_BYTES = 64  # enough to know the format


@dataclass(frozen=True)
class Kind:
    """A format: its name, how a file of it begins, and the wav.scp pipe that decodes it."""

    name: str
    begins: tuple[bytes, ...]
    pipe: str = FFMPEG
    inner: tuple[bytes, ...] = ()  # what stands at byte 8, where `begins` is not enough


KINDS = (
    Kind("WAV", (b"RIFF", b"RIFX"), SOX, inner=(b"WAVE",)),
    Kind("RF64", (b"RF64", b"BW64"), inner=(b"WAVE",)),
    Kind("Wave64", (b"riff\x2e\x91\xcf\x11",)),
    Kind("FLAC", (b"fLaC",), "flac -c -d -s {} |"),
    Kind("Ogg", (b"OggS",), FFMPEG),
    Kind("AIFF", (b"FORM",), SOX, inner=(b"AIFF", b"AIFC")),
    Kind("NIST sphere", (b"NIST_1A",), "sph2pipe -f wav -p {} |"),
    Kind("AU", (b".snd", b"dns."), SOX),
    Kind("CAF", (b"caff",)),
    Kind("AMR", (b"#!AMR",)),
    Kind("WMA", (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11",)),
    Kind("Matroska or WebM", (b"\x1a\x45\xdf\xa3",)),
    Kind("AVI", (b"RIFF",), inner=(b"AVI ",)),
    Kind("WavPack", (b"wvpk",)),
    Kind("Monkey's Audio", (b"MAC ",)),
    Kind("shorten", (b"ajkg",)),
)
MP4 = Kind("MP4 (m4a)", ())
MP3 = Kind("MP3", (b"ID3",))
AAC = Kind("AAC", ())
AAC_BEGINS = (b"\xff\xf0", b"\xff\xf1", b"\xff\xf8", b"\xff\xf9")


PIPES = {kind.name: kind.pipe for kind in (*KINDS, MP4, MP3, AAC)}


def kind_of(start: bytes) -> Kind | None:
    """The format of a file by its first bytes, or None.

    >>> kind_of(b"fLaC" + bytes(60)).name, kind_of(b"<html>")
    ('FLAC', None)
    """
    for kind in KINDS:
        if start.startswith(kind.begins) and (not kind.inner or start[8:12] in kind.inner):
            return kind
    if start[4:8] == b"ftyp":
        return MP4
    if start.startswith(MP3.begins) or _is_mpeg_sync(start):
        return MP3
    return (
        AAC if start[:1] == b"\xff" and start[1:2] in (b"\xf0", b"\xf1", b"\xf8", b"\xf9") else None
    )


def kind_of_file(file) -> tuple[Kind | None, bytes, int]:
    """(format, first bytes, where the format begins) of an open file, left at its start.

    An ID3 tag before another format than MP3 is passed over.
    """
    file.seek(0)
    start, begin = file.read(START_BYTES), 0
    kind = kind_of(start)
    if start.startswith(b"ID3"):
        begin = id3_bytes(start)
        file.seek(begin)
        inner = kind_of(file.read(START_BYTES))
        kind = inner if inner is not None and inner.name == "FLAC" else MP3
    file.seek(0)
    return kind, start, begin


def id3_bytes(start: bytes) -> int:
    """Bytes of the ID3v2 tag at the start of a file; its length has 7 bits a byte."""
    if len(start) < 10 or not start.startswith(b"ID3"):
        return 0
    size = sum(
        (byte & 0x7F) << shift for byte, shift in zip(start[6:10], (21, 14, 7, 0), strict=True)
    )
    return 10 + size + (10 if start[5] & 0x10 else 0)


def _is_mpeg_sync(start):
    """Eleven ones, then a version, a layer, a bit rate and a sample rate that exist."""
    return (
        len(start) >= 3
        and start[0] == 0xFF
        and start[1] & 0xE0 == 0xE0
        and start[1] >> 3 & 3 != 1
        and start[1] >> 1 & 3 != 0
        and start[2] >> 4 != 15
        and start[2] >> 2 & 3 != 3
    )


def not_a_wave(start: bytes, path: str | os.PathLike) -> str:
    """What is wrong with a file that does not begin like a WAV file, and what to do."""
    if not start:
        return "empty file (0 bytes). Fetch it again."
    compression = compression_of(start)
    if compression:
        name, command = compression
        return f"compressed by {name}, not WAV. Unpack it, or in wav.scp: {command} {path} |"
    kind = kind_of(start)
    if kind is not None and kind.name != "WAV":
        return f"{kind.name}, not WAV. Decode it in wav.scp: {kind.pipe.format(path)}"
    return f"not a WAV file; it begins with {start[:8]!r}. Is it damaged, or of another format?"
