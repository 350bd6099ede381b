"""Errors of audio files and pipes, which are errors of tables too."""

from steps_py.errors import AudioError, TableError


class WaveError(AudioError, TableError):
    """Audio that cannot be read; for a table it is an entry that cannot be read."""


class NotPcm16(WaveError):
    """A WAV file of samples that Kaldi does not read; other programs do."""


class NotDecodable(WaveError):
    """libsndfile cannot open the file; another program may."""


def truncated(path, promised_sec: float, missing_sec: float, where: str = "header") -> WaveError:
    """The error for a recording that ends before its header says.

    >>> str(truncated("a.wav", 10, 2.5))
    'a.wav: truncated; the header promises 10.00 s, 2.50 s of them are missing. Fetch it again.'
    """
    return WaveError(
        f"{path}: truncated; the {where} promises {promised_sec:.2f} s, {missing_sec:.2f} s of"
        " them are missing. Fetch it again."
    )
