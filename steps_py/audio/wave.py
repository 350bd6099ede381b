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
from typing import TYPE_CHECKING, Any

from steps_py.audio.errors import NotPcm16, WaveError
from steps_py.audio.headers.kinds import not_a_wave
from steps_py.audio.headers.riff import PCM, RiffHeader, is_only_chunks, parse_riff, read_up_to
from steps_py.formats.log import strict, warn

if TYPE_CHECKING:
    import numpy as np

ENCODINGS = {3: "floating point", 6: "A-law", 7: "mu-law", 2: "ADPCM", 17: "ADPCM", 85: "MP3"}


@dataclass(frozen=True, slots=True)
class Wave:
    """A recording: float32 samples (C, N) in the units of 16-bit audio."""

    rate_hz: int
    samples_CN: Any

    @property
    def duration_sec(self) -> float:
        return self.samples_CN.shape[1] / self.rate_hz


def read_wave(file, where: str | os.PathLike, max_sec: float | None = None) -> Wave:
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
    data = file.read() if wanted is None else read_up_to(file, wanted)
    if header.declared == 0 and is_only_chunks(io.BytesIO(data), 0, len(data), header.byte_order):
        data = b""
    if not data:
        raise WaveError(f"{where}: no samples; the file ends after its header. Make it again.")
    if header.num_bytes is not None and len(data) < wanted:
        message = _truncation(header, len(data), where)
        if strict():
            raise WaveError(message)
        warn(message)
    return Wave(header.rate_hz, _samples(data, header))


def _truncation(header, num_bytes, where):
    per_second = header.bytes_per_sample * header.rate_hz
    return (
        f"{where}: truncated; the header promises {header.num_bytes / per_second:.2f} s"
        f" ({header.num_bytes} bytes), {(header.num_bytes - num_bytes) / per_second:.2f} s"
        f" ({header.num_bytes - num_bytes} bytes) of them are missing. Fetch the file again."
    )


def _samples(data, header):
    import numpy as np  # start-up time

    whole = len(data) - len(data) % header.bytes_per_sample
    flat = np.frombuffer(data, header.byte_order + "i2", count=whole // 2)
    return np.ascontiguousarray(flat.reshape(-1, header.num_channels).T, np.float32)


def samples_in(duration_sec: float, rate_hz: float) -> int:
    """Samples in a duration, computed in single precision as in src/featbin/wav-reverberate.cc.

    >>> samples_in(3.2, 16000)
    51200
    """
    import numpy as np  # start-up time

    return int(np.float32(rate_hz) * np.float32(duration_sec))


def read_header(file, where: str | os.PathLike) -> RiffHeader:
    """The header of the WAV data in a binary file, which is left at the first sample.

    Raises
    ------
    NotPcm16
        For samples that are not of 16 bits.
    WaveError
        For what Kaldi does not read either.
    """
    header = parse_riff(file, where)
    refuse_others(header, where)
    return header


def refuse_others(header: RiffHeader, where: str | os.PathLike) -> None:
    """WaveError unless Kaldi reads the file, with the pipe that makes it readable."""
    if header.magic not in (b"RIFF", b"RIFX"):
        raise WaveError(f"{where}: {not_a_wave(header.magic + b'----WAVE', where)}")
    if header.is_pcm16:
        return
    is_pcm = header.encoding == PCM
    samples = f"{header.bits}-bit" if is_pcm else f"format {header.encoding}"
    raise NotPcm16(
        f"{where}: {ENCODINGS.get(header.encoding, samples)} samples; Kaldi reads 16-bit PCM only."
        f" Convert it in wav.scp: sox {where} -t wav -b 16 -e signed-integer - |"
    )


def quantise(samples: "np.ndarray") -> "np.ndarray":
    """Samples as a 16-bit file keeps them: cut towards zero, clipped; still float32."""
    import numpy as np  # start-up time

    return np.trunc(np.clip(samples, -32768, 32767)).astype(np.float32, copy=False)


def write_wave(file, wave: Wave) -> None:
    """Write a Wave as 16-bit PCM; samples are cut towards zero, and clipped with a warning."""
    import numpy as np  # start-up time

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
