"""Reads audio files in this process: WAV with our own reader, other formats with libsndfile.

Shapes: C channels, N samples of each.
"""

import contextlib
import os
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from steps_py.audio.errors import NotDecodable, NotPcm16, WaveError, truncated
from steps_py.audio.file_info import check_size, open_audio
from steps_py.audio.headers.flac import read_stream_info, with_length
from steps_py.audio.headers.kinds import kind_of_file
from steps_py.audio.sphere import read_sphere
from steps_py.audio.wave import Wave, read_wave, samples_in

if TYPE_CHECKING:
    import numpy as np

MAX_CACHED_FILE_BYTES = 1 << 20
MAX_CACHE_BYTES = 64 << 20
SIXTEEN_BIT = ("PCM_16", "PCM_S8", "PCM_U8", "ULAW", "ALAW")

_cache = OrderedDict()  # (path, time, size) -> Wave
_is_caching = [False]


def read_file(path: str | Path, max_sec: float | None = None) -> Wave:
    """The Wave of an audio file of any format, or its first `max_sec`.

    Samples of more than 16 bits keep their fractions.

    Raises
    ------
    WaveError
        If the file is missing, damaged or truncated.
    """
    with open_audio(path) as file:
        kind, _, _ = kind_of_file(file)
        name = kind.name if kind else None
        if name == "WAV":
            try:
                return read_wave(file, path, max_sec)
            except NotPcm16:
                pass  # libsndfile reads other sample formats, as do sox and ffmpeg
    if name == "NIST sphere":
        return read_sphere(path, max_sec)
    if name != "FLAC":  # decoding detects truncation
        check_size(path)
    with open_sound(path, name == "FLAC") as file:
        return _decode(file, path, max_sec)


def read_wav_file(path: str | Path, max_sec: float | None = None) -> Wave:
    """The Wave of a WAV file, or its first `max_sec`; see `caching_small_files`."""
    with open_audio(path) as file:
        status = os.fstat(file.fileno())
        key = (path, status.st_mtime_ns, status.st_size)
        if key not in _cache:
            if not _is_caching[0] or status.st_size > MAX_CACHED_FILE_BYTES:
                return read_wave(file, path, max_sec)
            _add_to_cache(key, read_wave(file, path))
    _cache.move_to_end(key)
    return _start_of(_cache[key], max_sec)


@contextlib.contextmanager
def caching_small_files() -> Iterator[None]:
    """Context in which small WAV files are cached in memory.

    For impulse responses and noises, which are read repeatedly; utterances are read once.
    """
    before, _is_caching[0] = _is_caching[0], True
    try:
        yield
    finally:
        _is_caching[0] = before


def _start_of(wave, max_sec):
    if max_sec is None:
        return wave
    return Wave(wave.rate_hz, wave.samples_CN[:, : samples_in(max_sec, wave.rate_hz)])


def _add_to_cache(key, wave):
    wave.samples_CN.flags.writeable = False
    _cache[key] = wave
    total = sum(kept.samples_CN.nbytes for kept in _cache.values())
    while total > MAX_CACHE_BYTES and len(_cache) > 1:
        total -= _cache.popitem(last=False)[1].samples_CN.nbytes


def open_sound(path: str | os.PathLike, is_flac: bool):
    """A file as an open SoundFile with its length; NotDecodable if libsndfile cannot."""
    import soundfile  # here for start-up time

    source = None
    if is_flac:
        with open_audio(path) as file:
            source = with_length(file, path)
    try:
        return soundfile.SoundFile(source or str(path))
    except soundfile.LibsndfileError as error:
        raise NotDecodable(f"{path}: {error.error_string} Is it damaged?") from None


def read_samples(
    file, num_samples: int, path: str | os.PathLike, dtype: str = "int16", first: int = 0
) -> "np.ndarray":
    """(N, C) samples of an open SoundFile from `first` on; WaveError if it is damaged."""
    import soundfile  # here for start-up time

    try:
        if first:
            file.seek(first)
        return file.read(num_samples, dtype=dtype, always_2d=True)
    except soundfile.LibsndfileError as error:
        reason = error.error_string.strip(" .")
        raise WaveError(f"{path}: truncated or damaged ({reason}). Fetch it again.") from None


def _decode(file, path, max_sec):
    import numpy as np  # here for start-up time

    wanted = file.frames
    if max_sec is not None:
        wanted = min(wanted, samples_in(max_sec, file.samplerate))
    exact = file.subtype in SIXTEEN_BIT
    samples_NC = read_samples(file, wanted, path, "int16" if exact else "float32")
    if len(samples_NC) < wanted and not file.format.startswith("MP"):
        missing = wanted - len(samples_NC)
        raise truncated(path, file.frames / file.samplerate, missing / file.samplerate)
    if not len(samples_NC):
        raise WaveError(f"{path}: no samples. Fetch the file again.")
    samples_CN = np.ascontiguousarray(samples_NC.T, np.float32)
    return Wave(file.samplerate, samples_CN if exact else samples_CN * np.float32(32768))


def read_flac(path: str | Path, max_sec: float | None = None) -> Wave:
    """The output of `flac -c -d`; WaveError unless it has 16 bits, as Kaldi reads no other."""
    with open_audio(path) as file:
        bits = read_stream_info(file, path).bits
    if bits != 16:
        raise WaveError(
            f"{path}: {bits}-bit samples; Kaldi reads 16-bit PCM only. Convert it in wav.scp:"
            f" sox {path} -t wav -b 16 - |"
        )
    return read_file(path, max_sec)
