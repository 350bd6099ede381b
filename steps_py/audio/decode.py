"""Audio files of any kind as waves, without a process: WAV by us, the rest by libsndfile.

Shapes: C channels, N samples of each.
"""

import contextlib
import os
from collections import OrderedDict

from steps_py.audio.wave import NotPcm16, Wave, WaveError, read_wave, samples_in

MAX_CACHED_FILE_BYTES = 1 << 20
MAX_CACHE_BYTES = 64 << 20
SIXTEEN_BIT = ("PCM_16", "PCM_S8", "PCM_U8", "ULAW", "ALAW")
UNKNOWN_SAMPLES = 1 << 60  # libsndfile's answer where a FLAC header has no length

_cache = OrderedDict()  # (path, time, size) -> Wave
_keep = [False]


class NotDecodable(WaveError):
    """libsndfile cannot open the file; another program may."""


def read_file(path, max_sec=None):
    """The Wave of an audio file of any format, or its first `max_sec`.

    Samples of more than 16 bits keep their fractions.

    Raises
    ------
    WaveError
        If the file is missing, damaged, or ends before its header says.
    """
    with _open(path) as file:
        if file.peek(4)[:4] in (b"RIFF", b"RIFX"):
            try:
                return read_wave(file, path, max_sec)
            except NotPcm16:
                pass  # sox and ffmpeg do read other samples, and so does libsndfile
    return _read_with_libsndfile(path, max_sec)


def read_wav_file(path, max_sec=None):
    """The Wave of a WAV file, or its first `max_sec`; see `keeping_small_files`."""
    with _open(path) as file:
        status = os.fstat(file.fileno())
        key = (path, status.st_mtime_ns, status.st_size)
        if key not in _cache:
            if not _keep[0] or status.st_size > MAX_CACHED_FILE_BYTES:
                return read_wave(file, path, max_sec)
            _remember(key, read_wave(file, path))
    _cache.move_to_end(key)
    return _start_of(_cache[key], max_sec)


@contextlib.contextmanager
def keeping_small_files():
    """Within the block, small WAV files are kept in memory for the next time.

    For rooms and noises, which come again and again; utterances are read once.
    """
    before, _keep[0] = _keep[0], True
    try:
        yield
    finally:
        _keep[0] = before


def _open(path):
    try:
        return open(path, "rb")
    except OSError as error:
        raise WaveError(f"{path}: cannot open: {error.strerror}. Check the path.") from None


def _start_of(wave, max_sec):
    if max_sec is None:
        return wave
    return Wave(wave.rate_hz, wave.samples_CN[:, : samples_in(max_sec, wave.rate_hz)])


def _remember(key, wave):
    wave.samples_CN.flags.writeable = False
    _cache[key] = wave
    total = sum(kept.samples_CN.nbytes for kept in _cache.values())
    while total > MAX_CACHE_BYTES and len(_cache) > 1:
        total -= _cache.popitem(last=False)[1].samples_CN.nbytes


def _read_with_libsndfile(path, max_sec):
    import soundfile

    try:
        with soundfile.SoundFile(path) as file:
            return _decode(file, path, max_sec)
    except soundfile.LibsndfileError as error:
        raise NotDecodable(f"{path}: {error.error_string} Is it damaged?") from None


def _decode(file, path, max_sec):
    import numpy as np
    import soundfile

    known = file.frames < UNKNOWN_SAMPLES
    wanted = file.frames if known else -1
    if max_sec is not None:
        limit = samples_in(max_sec, file.samplerate)
        wanted = min(wanted, limit) if known else limit
    exact = file.subtype in SIXTEEN_BIT
    try:
        samples_NC = file.read(wanted, dtype="int16" if exact else "float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise WaveError(
            f"{path}: truncated or damaged ({error.error_string}) Fetch it again."
        ) from None
    if known and len(samples_NC) < wanted and not file.format.startswith("MP"):
        per_second = file.samplerate
        raise WaveError(
            f"{path}: truncated; the header promises {file.frames / per_second:.2f} s,"
            f" {(wanted - len(samples_NC)) / per_second:.2f} s of them are missing. Fetch it again."
        )
    if not len(samples_NC):
        raise WaveError(f"{path}: no samples. Fetch the file again.")
    samples_CN = np.ascontiguousarray(samples_NC.T, np.float32)
    return Wave(file.samplerate, samples_CN if exact else samples_CN * np.float32(32768))


def read_flac(path, max_sec=None):
    """What `flac -c -d` writes; Kaldi reads it only if it has 16 bits."""
    with _open(path) as file:
        start = file.read(42)
    if not start.startswith(b"fLaC"):
        raise WaveError(f"{path}: not a FLAC file; it begins with {start[:8]!r}. Fetch it again.")
    bits = (int.from_bytes(start[18:26], "big") >> 36 & 31) + 1
    if bits != 16:
        raise WaveError(
            f"{path}: {bits}-bit samples; Kaldi reads 16-bit PCM only. Convert it in wav.scp:"
            f" sox {path} -t wav -b 16 - |"
        )
    return read_file(path, max_sec)
