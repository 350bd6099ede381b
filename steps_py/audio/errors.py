"""Errors of audio files and pipes."""

import os

from steps_py.errors import AudioError, TableError


class WaveError(AudioError, TableError):
    """Audio that cannot be read; also a TableError, for entries of tables."""


class NotPcm16(WaveError):
    """A WAV file with a sample format that Kaldi does not read, but other programs do."""


class NotDecodable(WaveError):
    """libsndfile cannot open the file; another program might."""


def truncated(
    path: str | os.PathLike, promised_sec: float, missing_sec: float, where: str = "header"
) -> WaveError:
    """The error for a recording that is shorter than its header states.

    >>> str(truncated("a.wav", 10, 2.5))
    'a.wav: truncated; the header promises 10.00 s, 2.50 s of them are missing. Fetch it again.'
    """
    return WaveError(
        f"{path}: truncated; the {where} promises {promised_sec:.2f} s, {missing_sec:.2f} s of"
        " them are missing. Fetch it again."
    )
