"""Bytes that a client sends -> samples, with bounds on what they decode to.

Bytes are read from memory under a name of this process's own; no program is run on them.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from steps_py.audio.decode import open_sound, read_file
from steps_py.audio.file_info import check_size, open_audio
from steps_py.audio.headers.kinds import kind_of_file
from steps_py.audio.wave import Wave
from steps_py.errors import AudioError
from steps_py.serve.refusal import Refused
from steps_py.serve.uploads import Upload
from steps_py.system.sound import BY_LIBSNDFILE, Reading, fitted

MAX_CHANNELS = 8
MAX_VALUES = 48_000_000  # samples of all channels, decoded: 200 MB
RATES_HZ = 4000, 192_000


def decoded(upload: Upload, reading: Reading, wanted_hz: float, max_sec: float) -> Wave:
    """One channel of a recording at `wanted_hz`.

    Raises
    ------
    Refused
        413, for a recording of more than `max_sec`.
    AudioError
        For bytes that are no recording, a damaged one, or one that does not fit the system.
    """
    with _in_memory(upload.data) as path:
        try:
            wave = _read(path, upload.label, max_sec)
            return fitted(wave, upload.label, reading, wanted_hz)
        except AudioError as error:
            raise AudioError(str(error).replace(path, upload.label)) from None


def _read(path, label, max_sec):
    with open_audio(path) as file:
        kind, _, _ = kind_of_file(file)
    name = kind.name if kind else None
    if name not in BY_LIBSNDFILE:
        raise AudioError(
            f"{label}: is {name or 'no known audio'}. Send {', '.join(BY_LIBSNDFILE)}."
        )
    rate_hz, num_channels = None, 1
    if name != "WAV":  # a WAV file has no more samples than bytes
        with open_sound(path, name == "FLAC") as sound:
            rate_hz, num_channels = sound.samplerate, sound.channels
        _check(label, rate_hz, num_channels)
        most_sec = MAX_VALUES / (rate_hz * num_channels)
        max_sec = min(max_sec, most_sec)
    else:
        check_size(path)
    wave = read_file(path, max_sec + 1)
    _check(label, wave.rate_hz, len(wave.samples_CN))
    if wave.duration_sec > max_sec:
        raise Refused(413, f"{label}: more than {max_sec:g} s long. Send a part of it.")
    return wave


def _check(label, rate_hz, num_channels):
    if not RATES_HZ[0] <= rate_hz <= RATES_HZ[1]:
        raise AudioError(f"{label}: has {rate_hz} Hz. Send 4000 to 192000 Hz.")
    if num_channels > MAX_CHANNELS:
        raise AudioError(f"{label}: has {num_channels} channels. Send at most {MAX_CHANNELS}.")


@contextmanager
def _in_memory(data: bytes) -> Iterator[str]:
    """The path of a file without a name that is in memory alone."""
    number = os.memfd_create("upload")
    try:
        with open(number, "wb", closefd=False) as file:
            file.write(data)
        yield f"/proc/self/fd/{number}"
    finally:
        os.close(number)
