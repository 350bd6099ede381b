"""Recordings of a few samples in the layouts of the corpora, made where a test wants them."""

import struct
from pathlib import Path


def write_wav(path, rate_hz=16000, num_channels=1, num_samples=1600):
    """A WAV file of silence, 0.1 s unless asked otherwise."""
    data = bytes(2 * num_channels * num_samples)
    block = 2 * num_channels
    layout = struct.pack("<IHHIIHH", 16, 1, num_channels, rate_hz, rate_hz * block, block, 16)
    head = b"RIFF" + struct.pack("<I", 36 + len(data)) + b"WAVEfmt " + layout
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(head + b"data" + struct.pack("<I", len(data)) + data)
    return path


def write_sound(path, rate_hz=16000, num_channels=1, num_samples=1600):
    """The same in any format that libsndfile writes, by the suffix."""
    import numpy as np
    import soundfile

    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.zeros((num_samples, num_channels)), rate_hz)
    return path


def write_lines(path, *lines):
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def box(kind, *contents):
    """A box of an MP4 file."""
    content = b"".join(contents)
    return struct.pack(">I4s", 8 + len(content), kind) + content


def m4a_bytes(rate_hz=16000, num_channels=1, num_samples=72000, run_in=1024):
    """An m4a file without sound: the boxes that a header has, as ffmpeg writes them.

    The sample entry says 2 channels whatever there are, as it did for many years; the
    decoder's configuration tells the truth.
    """
    index = {16000: 8, 44100: 4}[rate_hz]
    config = struct.pack(">H", 2 << 11 | index << 7 | num_channels << 3)
    decoder = b"\x04\x80\x80\x80" + bytes([13 + 2 + len(config)]) + bytes(13)
    decoder += b"\x05" + bytes([len(config)]) + config
    stream = b"\x03\x80\x80\x80" + bytes([3 + len(decoder)]) + bytes(3) + decoder
    entry = box(
        b"mp4a",
        bytes(16) + struct.pack(">HHHHI", 2, 16, 0, 0, rate_hz << 16),
        box(b"esds", bytes(4), stream),
    )
    stbl = box(b"stbl", box(b"stsd", bytes(4), struct.pack(">I", 1), entry))
    length = struct.pack(">II", rate_hz, num_samples + run_in)
    mdia = box(
        b"mdia",
        box(b"mdhd", bytes(12), length, bytes(4)),
        box(b"hdlr", bytes(8), b"soun", bytes(12)),
        box(b"minf", stbl),
    )
    edit = struct.pack(">IiI", num_samples * 1000 // rate_hz, run_in, 1 << 16)
    edts = box(b"edts", box(b"elst", bytes(4), struct.pack(">I", 1), edit))
    mvhd = box(b"mvhd", bytes(12), struct.pack(">II", 1000, num_samples * 1000 // rate_hz))
    moov = box(b"moov", mvhd, box(b"trak", edts, mdia))
    return box(b"ftyp", b"M4A ", bytes(4)) + box(b"mdat", bytes(400)) + moov


def write_sphere(path, num_samples, rate_hz=16000, num_channels=1, coding="pcm"):
    """A NIST SPHERE file of silence."""
    lines = [
        f"channel_count -i {num_channels}",
        f"sample_count -i {num_samples}",
        f"sample_rate -i {rate_hz}",
        "sample_n_bytes -i 2",
        "sample_byte_format -s2 01",
        f"sample_coding -s{len(coding)} {coding}",
        "end_head",
    ]
    head = ("NIST_1A\n   1024\n" + "\n".join(lines) + "\n").encode().ljust(1024)
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(head + bytes(2 * num_samples * num_channels))
    return path


def without_length(data):
    """A FLAC file as an encoder writes it that cannot go back to its header."""
    data = bytearray(data)
    data[21] &= 0xF0
    data[22:26] = bytes(4)
    return bytes(data)
