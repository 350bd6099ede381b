"""Recordings of any length whose samples are read range by range.

Shape suffixes (scope: this module):
    N = samples   C = channels
"""

import os
from typing import Protocol

import numpy as np

from steps_py.audio.decode import open_sound, read_samples
from steps_py.audio.errors import NotDecodable, WaveError
from steps_py.audio.file_info import audio_info
from steps_py.audio.sox import change_rate
from steps_py.audio.wave import Wave, quantise

IN_PIECES = ("WAV", "RF64", "Wave64", "FLAC", "Ogg", "AIFF", "AU")
MARGIN_SEC = 1  # around a piece that is resampled, longer than the filter
FULL_SCALE = np.float32(32768)


class Sound(Protocol):
    """One channel of a recording, in units of 16-bit audio.

    Attributes
    ----------
    rate_hz : int
    num_samples : int
    """

    rate_hz: int
    num_samples: int

    def read(self, first: int, end: int) -> np.ndarray:
        """The samples ``[first, end)``, float32 (N,)."""


class SoundInMemory:
    """A channel of a `Wave`.

    >>> sound = SoundInMemory(Wave(8000, np.arange(6, dtype=np.float32)[np.newaxis]))
    >>> sound.num_samples, sound.read(2, 4).tolist()
    (6, [2.0, 3.0])
    """

    def __init__(self, wave: Wave):
        self.rate_hz, self.num_samples = wave.rate_hz, wave.samples_CN.shape[1]
        self._samples_N = wave.samples_CN[0]

    def read(self, first: int, end: int) -> np.ndarray:
        return self._samples_N[first:end]


class SoundInFile:
    """A channel of a file; only the samples that are asked for are in memory.

    Parameters
    ----------
    path : path
    channel : int, "mix"
        From 1; mix: the mean of all.

    Raises
    ------
    NotDecodable
        If the format cannot be read in pieces: see `IN_PIECES`.
    WaveError
        If the file is missing or damaged.
    """

    def __init__(self, path: str | os.PathLike, channel: int | str = 1):
        info = audio_info(path)
        if info.kind not in IN_PIECES:
            raise NotDecodable(f"{path}: {info.kind} is not read in pieces.")
        self._file, self._path, self._channel = open_sound(path, info.kind == "FLAC"), path, channel
        self.rate_hz, self.num_samples = self._file.samplerate, self._file.frames

    def read(self, first: int, end: int) -> np.ndarray:
        end = min(end, self.num_samples)
        self._file.seek(first)
        samples_NC = read_samples(self._file, end - first, self._path, "float32")
        if len(samples_NC) < end - first:
            raise WaveError(f"{self._path}: ends before its header says. Fetch it again.")
        if self._channel == "mix":
            return samples_NC.mean(axis=1) * FULL_SCALE
        return samples_NC[:, int(self._channel) - 1] * FULL_SCALE


class ResampledSound:
    """A sound at another rate, converted piece by piece.

    Pieces that begin at whole seconds are equal to those of the whole recording, converted at once.
    """

    def __init__(self, sound: Sound, rate_hz: int):
        self._sound, self.rate_hz = sound, rate_hz
        self.num_samples = sound.num_samples * rate_hz // sound.rate_hz

    def read(self, first: int, end: int) -> np.ndarray:
        before_sec = max(0, first // self.rate_hz - MARGIN_SEC)
        after_sec = -(-end // self.rate_hz) + MARGIN_SEC
        rate_hz = self._sound.rate_hz
        last = min(after_sec * rate_hz, self._sound.num_samples)
        samples_N = self._sound.read(before_sec * rate_hz, last)
        wave = change_rate(Wave(rate_hz, samples_N[np.newaxis]), self.rate_hz)
        shift = before_sec * self.rate_hz
        return quantise(wave.samples_CN[0, first - shift : end - shift])
