"""WAV audio: reading and writing as Kaldi does (src/feat/wave-reader.cc), and quick looks.

Kaldi reads 16-bit PCM, of any number of channels, from files and from pipes whose header
does not know how much will come.  So do we; every other kind of file is answered with the
command that makes it readable.

Shapes: C channels, N samples of each.
"""

import io
import os
import struct
from dataclasses import dataclass
from typing import Any

from steps_py.errors import AudioError, TableError
from steps_py.formats.log import strict, warn

# A header with one of these sizes, or a larger one, was written before the end was known:
# sox writes 0x7FFFF000, others 0, 0x7FFFFFFF or 0xFFFFFFFF.
UNKNOWN_BYTES = 0x7FFFF000
_PIECE_BYTES = 1 << 25
PCM, FLOAT, EXTENSIBLE = 1, 3, 0xFFFE
PCM_GUID = b"\x01\0\0\0\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71"
ENCODINGS = {FLOAT: "floating point", 6: "A-law", 7: "mu-law", 2: "ADPCM", 17: "ADPCM", 85: "MP3"}
OTHER_FORMATS = {  # how a file begins -> what it is and the pipe that decodes it
    b"fLaC": ("FLAC", "flac -c -d -s {} |"),
    b"OggS": ("Ogg", "ffmpeg -v 8 -i {} -f wav -acodec pcm_s16le - |"),
    b"ID3": ("MP3", "ffmpeg -v 8 -i {} -f wav -acodec pcm_s16le - |"),
    b"\xff\xfb": ("MP3", "ffmpeg -v 8 -i {} -f wav -acodec pcm_s16le - |"),
    b"NIST": ("NIST sphere", "sph2pipe -f wav -p {} |"),
}


class WaveError(AudioError, TableError):
    """Audio that cannot be read; for a table it is an entry that cannot be read."""


class NotPcm16(WaveError):
    """A WAV file of samples that Kaldi does not read; other programs do."""


@dataclass(frozen=True, slots=True)
class Wave:
    """A recording: float32 samples (C, N) in the units of 16-bit audio."""

    rate_hz: int
    samples_CN: Any

    @property
    def duration_sec(self):
        return self.samples_CN.shape[1] / self.rate_hz


@dataclass(frozen=True, slots=True)
class WaveInfo:
    """What the header of a recording says; `num_samples` of each channel."""

    rate_hz: int
    num_channels: int
    num_samples: int

    @property
    def duration_sec(self):
        return self.num_samples / self.rate_hz


@dataclass(frozen=True, slots=True)
class Header:
    """A parsed WAV header; `num_bytes` of data is None if the header does not know."""

    rate_hz: int
    num_channels: int
    num_bytes: int | None
    byte_order: str

    @property
    def bytes_per_sample(self):
        return 2 * self.num_channels


def read_wave(file, where, max_sec=None):
    """The Wave in a binary file, which is left at its end; `where` names it in messages.

    `max_sec` limits what is read to the start of the recording.  Data that end before the
    header says are a warning, as in Kaldi, and in strict mode an error.

    Raises
    ------
    WaveError
        If the file is empty, truncated, or not 16-bit PCM.
    """
    if getattr(file, "key", None) is not None:  # an entry of a table
        where = f"{file.name}, key {file.key}"
    header = read_header(file, where)
    wanted = header.num_bytes
    if max_sec is not None:
        limit = header.bytes_per_sample * samples_in(max_sec, header.rate_hz)
        wanted = limit if wanted is None else min(wanted, limit)
    data = file.read() if wanted is None else _read_up_to(file, wanted)
    if not data:
        raise WaveError(f"{where}: no samples; the file ends after its header. Make it again.")
    if header.num_bytes is not None and len(data) < wanted:
        message = _truncation(header, len(data), where)
        if strict():
            raise WaveError(message)
        warn(message)
    return Wave(header.rate_hz, _samples(data, header))


def _read_up_to(file, num_bytes):
    """As many bytes, or all there are: a damaged header may promise more than fits in memory."""
    data = file.read(min(num_bytes, _PIECE_BYTES))
    if len(data) == num_bytes:  # nearly always
        return data
    parts, left = [data], num_bytes - len(data)
    while left and (part := file.read(min(left, _PIECE_BYTES))):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def _truncation(header, num_bytes, where):
    per_second = header.bytes_per_sample * header.rate_hz
    return (
        f"{where}: truncated; the header promises {header.num_bytes / per_second:.2f} s"
        f" ({header.num_bytes} bytes), {(header.num_bytes - num_bytes) / per_second:.2f} s"
        f" ({header.num_bytes - num_bytes} bytes) of them are missing. Fetch the file again."
    )


def _samples(data, header):
    import numpy as np

    whole = len(data) - len(data) % header.bytes_per_sample
    flat = np.frombuffer(data, header.byte_order + "i2", count=whole // 2)
    return np.ascontiguousarray(flat.reshape(-1, header.num_channels).T, np.float32)


def samples_in(duration_sec, rate_hz):
    """Samples in a duration, computed in single precision as in src/featbin/wav-reverberate.cc.

    >>> samples_in(3.2, 16000)
    51200
    """
    import numpy as np

    return int(np.float32(rate_hz) * np.float32(duration_sec))


def read_header(file, where):
    """The Header of the WAV data in a binary file, which is left at the first sample."""
    riff = file.read(12)
    if riff[:4] not in (b"RIFF", b"RIFX") or riff[8:] != b"WAVE":
        raise WaveError(f"{where}: {_not_a_wave(riff, where)}")
    order = "<" if riff[:4] == b"RIFF" else ">"
    riff_bytes = struct.unpack(order + "I", riff[4:8])[0]
    layout = None
    for tag, num_bytes in _chunks(file, order, where):
        if tag == b"data":
            break
        body = _read_up_to(file, num_bytes)
        if len(body) < num_bytes:
            raise WaveError(f"{where}: ends within its header. Fetch the file again.")
        if tag == b"fmt ":
            layout = _layout(body, order, where)
    if layout is None:
        raise WaveError(f"{where}: samples come before their format. Convert the file with sox.")
    unknown = riff_bytes in (0, 0xFFFFFFFF) or num_bytes == 0 or num_bytes >= UNKNOWN_BYTES
    rate_hz, num_channels = layout
    num_bytes -= num_bytes % (2 * num_channels)
    return Header(rate_hz, num_channels, None if unknown else num_bytes, order)


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
    """Sample rate and channels that the format chunk declares; an error if Kaldi cannot read it."""
    if len(body) < 16 or (body[:2] in (b"\xfe\xff", b"\xff\xfe") and len(body) < 26):
        raise WaveError(f"{where}: a format chunk of {len(body)} bytes. Make the file again.")
    kind, num_channels, rate_hz, byte_rate, block, bits = struct.unpack(order + "HHIIHH", body[:16])
    if kind == EXTENSIBLE:
        kind = PCM if body[24:40] == PCM_GUID else struct.unpack(order + "H", body[24:26])[0]
    if kind != PCM or bits != 16:
        samples = ENCODINGS.get(kind, f"{bits}-bit" if kind == PCM else f"format {kind}")
        raise NotPcm16(
            f"{where}: {samples} samples; Kaldi reads 16-bit PCM only. Convert it in wav.scp:"
            f" sox {where} -t wav -b 16 -e signed-integer - |"
        )
    if num_channels == 0 or rate_hz == 0:
        raise WaveError(f"{where}: {num_channels} channels at {rate_hz} Hz. Make the file again.")
    if block != 2 * num_channels or byte_rate != block * rate_hz:
        raise WaveError(
            f"{where}: the header contradicts itself: {num_channels} channels of 16 bits at"
            f" {rate_hz} Hz, but {block} bytes a sample and {byte_rate} a second."
            f" Rewrite it: sox {where} -t wav - |"
        )
    return rate_hz, num_channels


def _not_a_wave(start, where):
    """What is wrong with a file that does not begin like a WAV file, and what to do."""
    where = str(where).split(", key ")[0]  # the rest names the entry, not the file
    if not start:
        return "empty file (0 bytes). Fetch it again."
    for magic, (name, pipe) in OTHER_FORMATS.items():
        if start.startswith(magic):
            return f"{name}, not WAV. Decode it in wav.scp: {pipe.format(where)}"
    if start[4:8] == b"ftyp":
        pipe = OTHER_FORMATS[b"ID3"][1].format(where)
        return f"MP4 (m4a), not WAV. Decode it in wav.scp: {pipe}"
    return f"not a WAV file; it begins with {start[:8]!r}. Is it damaged, or of another format?"


def quantise(samples):
    """Samples as a 16-bit file keeps them: cut towards zero, clipped; still float32."""
    import numpy as np

    return np.trunc(np.clip(samples, -32768, 32767)).astype(np.float32, copy=False)


def write_wave(file, wave):
    """Write a Wave as 16-bit PCM; samples are cut towards zero, and clipped with a warning."""
    import numpy as np

    num_channels, num_samples = wave.samples_CN.shape
    if num_channels == 0:
        raise WaveError("a recording without channels cannot be written.")
    whole_CN = np.trunc(wave.samples_CN)
    num_clipped = int(np.count_nonzero((whole_CN < -32768) | (whole_CN > 32767)))
    if num_clipped:
        warn(f"clipped {num_clipped} of {whole_CN.size} samples. Reduce the volume?")
    rate_hz, block = int(wave.rate_hz), 2 * num_channels
    num_bytes = num_samples * block
    if num_bytes > 0xFFFFFFFF - 36:
        raise WaveError(f"{wave.duration_sec:.0f} s are too long for a WAV file. Cut them.")
    layout = (16, PCM, num_channels, rate_hz, rate_hz * block, block, 16)
    file.write(b"RIFF" + struct.pack("<I", 36 + num_bytes) + b"WAVEfmt ")
    file.write(struct.pack("<IHHIIHH", *layout) + b"data" + struct.pack("<I", num_bytes))
    file.write(np.clip(whole_CN, -32768, 32767).T.astype("<i2").tobytes())


def wave_info(path):
    """Rate, channels and length of an audio file, from its header only: a WaveInfo.

    Ogg, MP3 and NIST headers are read by libsndfile.  A WAV file shorter than its header
    says, and a file without samples, are errors.

    Raises
    ------
    WaveError
        If the file does not exist, or cannot be understood.
    """
    try:
        with open(path, "rb", buffering=0) as file:
            start = file.read(4096)
            file_bytes = os.fstat(file.fileno()).st_size
            if start[:4] in (b"RIFF", b"RIFX"):
                info = _riff_info(start, file, file_bytes, path)
            else:
                info = _other_info(start, path)
    except OSError as error:
        raise WaveError(f"{path}: cannot open: {error.strerror}. Check the path.") from None
    if info.num_samples <= 0:
        raise WaveError(f"{path}: no samples. Fetch the file again.")
    return info


def _riff_info(start, file, file_bytes, path):
    source = io.BytesIO(start)
    try:
        header = read_header(source, path)
    except WaveError:
        if file_bytes <= len(start):
            raise
        file.seek(0)  # a header longer than usual
        source = io.BufferedReader(file)
        header = read_header(source, path)
    available = file_bytes - source.tell()
    if header.num_bytes is not None and available < header.num_bytes:
        raise WaveError(_truncation(header, available, path))
    num_bytes = available if header.num_bytes is None else header.num_bytes
    return WaveInfo(header.rate_hz, header.num_channels, num_bytes // header.bytes_per_sample)


def _other_info(start, path):
    """The WaveInfo of a file that is no WAV file; `start` are its first bytes."""
    if start.startswith(b"fLaC"):
        return _flac_info(start, path)
    if start[4:8] == b"ftyp":
        from steps_py.audio.m4a import read_m4a_header

        return WaveInfo(*read_m4a_header(str(path)))
    if not start.startswith(tuple(OTHER_FORMATS)):
        raise WaveError(f"{path}: {_not_a_wave(start, path)}")
    import soundfile

    try:
        info = soundfile.info(str(path))
    except soundfile.LibsndfileError as error:
        raise WaveError(f"{path}: {error.error_string} Is the file damaged?") from None
    return WaveInfo(info.samplerate, info.channels, info.frames)


def _flac_info(start, path):
    """From the STREAMINFO block, which always comes first."""
    if len(start) < 42:
        raise WaveError(f"{path}: ends within its header. Fetch the file again.")
    packed = int.from_bytes(start[18:26], "big")  # 20 bits rate, 3 channels, 5 bits, 36 samples
    num_samples = packed & (1 << 36) - 1
    if num_samples == 0:
        raise WaveError(f"{path}: the FLAC header has no length. Encode it again: flac -f {path}")
    return WaveInfo(packed >> 44, (packed >> 41 & 7) + 1, num_samples)
