"""Rate, channels and length of an audio file of any format, from its header."""

import os

from steps_py.audio.errors import WaveError
from steps_py.audio.headers.aiff import aiff_info
from steps_py.audio.headers.au import au_info
from steps_py.audio.headers.base import AudioInfo
from steps_py.audio.headers.flac import flac_info
from steps_py.audio.headers.kinds import kind_of_file, not_a_wave
from steps_py.audio.headers.m4a import m4a_info
from steps_py.audio.headers.mp3 import mp3_info
from steps_py.audio.headers.ogg import ogg_info
from steps_py.audio.headers.riff import riff_info, wave64_info
from steps_py.audio.headers.sphere import sphere_info
from steps_py.formats.compression import compression_of

BUFFER_BYTES = 4096  # enough for nearly every header
READERS = {  # name of a kind -> function (file at its start, path) -> AudioInfo
    "WAV": riff_info,
    "RF64": riff_info,
    "Wave64": wave64_info,
    "FLAC": flac_info,
    "Ogg": ogg_info,
    "MP3": mp3_info,
    "MP4 (m4a)": m4a_info,
    "AIFF": aiff_info,
    "NIST sphere": sphere_info,
    "AU": au_info,
}


def audio_info(path: str | os.PathLike) -> AudioInfo:
    """Rate, channels and length of an audio file, from its header.

    The format is recognised by content, and the size in the header is compared with the file.

    Raises
    ------
    WaveError
        If the file does not exist, is of an unknown format, has no samples, or is truncated.
    """
    with open_audio(path) as file:
        kind, start, _ = kind_of_file(file)
        if kind is None or kind.name not in READERS:
            raise WaveError(f"{path}: {not_a_wave(start, path)}")
        info = READERS[kind.name](file, path)
    if info.num_samples <= 0:
        raise WaveError(f"{path}: no samples. Fetch the file again.")
    return info


def check_size(path: str | os.PathLike) -> None:
    """Raise WaveError if the file is truncated or compressed by gzip or a similar program.

    Unknown formats are accepted.
    """
    with open_audio(path) as file:
        kind, start, _ = kind_of_file(file)
        if not start or compression_of(start):
            raise WaveError(f"{path}: {not_a_wave(start, path)}")
        if kind is not None and kind.name in READERS:
            READERS[kind.name](file, path)


def open_audio(path: str | os.PathLike):
    """Open a file for reading; WaveError if that fails."""
    try:
        return open(path, "rb", buffering=BUFFER_BYTES)
    except OSError as error:
        raise WaveError(f"{path}: cannot open: {error.strerror}. Check the path.") from None
