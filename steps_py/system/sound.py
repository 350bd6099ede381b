"""What a caller gives as a recording -> one channel of samples at the rate of the system.

Shape suffixes (scope: this module):
    N = samples   C = channels
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from steps_py.audio.decode import read_file
from steps_py.audio.errors import NotDecodable, WaveError
from steps_py.audio.file_info import check_size, open_audio
from steps_py.audio.headers.kinds import kind_of_file
from steps_py.audio.pipelines import evaluate
from steps_py.audio.random_access import unreadable_reason
from steps_py.audio.sox import change_rate, remix
from steps_py.audio.wave import Wave, quantise, read_wave
from steps_py.errors import AudioError, some
from steps_py.formats.streams import classify_rxfilename

FULL_SCALE = 32768.0  # samples are in units of 16-bit audio
BY_LIBSNDFILE = ("WAV", "RF64", "Wave64", "FLAC", "Ogg", "MP3", "AIFF", "AU")
MAX_FLOAT = 4.0  # samples of floating point are within -1 .. 1, clipped or not
MOST_CHANNELS = 256  # of an array: more are samples in the place of channels
MOST_SEC = 4 * 3600.0  # of a recording: it takes about 1 GB of memory for each hour at 16 kHz


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What may be done to a recording that is not as the system takes it.

    Attributes
    ----------
    rate_hz : int or None
        The rate of samples in memory; files have their own.
    resample : bool
        Convert a recording of another rate; otherwise it is refused.
    channel : int, "mix" or None
        The channel, from 1, of a recording with several; None refuses these.
    """

    rate_hz: int | None = None
    resample: bool = False
    channel: int | str | None = None


class TableEntry(NamedTuple):
    """A value of a wav.scp: a file, or a pipe of commands that this project evaluates itself."""

    entry: str
    key: str

    def read(self) -> Wave:
        """The recording; AudioError if the entry needs a shell, as files may come from others."""
        kind = classify_rxfilename(self.entry)
        if kind == "file":
            return read_any_file(self.entry, MOST_SEC + 1)
        reason = unreadable_reason(self.entry)
        wave = None if reason or kind != "pipe" else evaluate(self.entry[:-1].strip())
        if wave is None:
            raise AudioError(
                f"{self.key}: '{self.entry[:200]}' {reason or 'is no file'}, which is not run here."
                " Write the recordings to files first."
            )
        return wave


def wave_of(source: Any, reading: Reading, wanted_hz: float) -> tuple[Wave, str]:
    """A recording of one channel at `wanted_hz`, and its name for messages.

    Parameters
    ----------
    source : path, array, (array, rate_hz), or iterable of arrays
        Arrays (N,) or (C, N) of int16, or of floating point from -1 to 1.

    Raises
    ------
    AudioError
        In one line, if the recording cannot be read, is empty, or is of another rate or number
        of channels than `reading` allows.
    """
    if isinstance(source, TableEntry):
        name, wave = source.key, source.read()
    elif isinstance(source, str | os.PathLike):
        name = os.fspath(source)
        wave = read_any_file(name, MOST_SEC + 1)
    else:
        name = "the samples"
        if isinstance(source, tuple):
            source, rate_hz = source
        else:
            rate_hz = reading.rate_hz
        if rate_hz is None:
            raise AudioError(f"{name}: have no rate. Give it, as in embed(samples, rate_hz=16000).")
        is_iterator = isinstance(source, Iterator)
        blocks = [samples_of(block) for block in source] if is_iterator else [samples_of(source)]
        if not blocks:
            raise AudioError(f"{name}: are none: the iterator gave no block.")
        wave = Wave(int(rate_hz), joined(blocks, name))
    check_duration(name, wave.duration_sec)
    return fitted(wave, name, reading, wanted_hz), name


def check_duration(name: str, duration_sec: float) -> None:
    """Raise AudioError for a recording that is too long to be embedded as a whole.

    >>> check_duration("a.wav", 3600.0)
    """
    if duration_sec > MOST_SEC:
        raise AudioError(
            f"{name}: is longer than {MOST_SEC / 3600:g} h, the most that is embedded as a whole."
            " Give the part in which the speaker talks, such as: sox IN OUT trim 0 600. Who speaks"
            " when is found by: sidewinder diarize"
        )


def samples_of(samples: Any) -> np.ndarray:
    """Samples float32 (C, N) in units of 16-bit audio of an array (N,) or (C, N).

    >>> samples_of(np.array([0.5, -1.0])).tolist(), samples_of(np.array([7], np.int16)).tolist()
    ([[16384.0, -32768.0]], [[7.0]])
    """
    array = np.asarray(samples)
    if array.ndim not in (1, 2) or array.dtype.kind not in "if":
        raise AudioError(
            f"the samples: are an array of shape {array.shape} and type {array.dtype}. Give (N,) or"
            " (channels, N) of int16, or of floating point from -1 to 1."
        )
    array = np.atleast_2d(array)
    if len(array) > MOST_CHANNELS:
        raise AudioError(
            f"the samples: are an array of shape {array.shape}, so of {len(array)} channels. Give"
            " (channels, N): samples.T of what soundfile reads."
        )
    if array.dtype.kind == "i":
        if array.dtype.itemsize > 2 and array.size and np.abs(array).max() > FULL_SCALE:
            raise AudioError("the samples: exceed 16 bits. Give floating point from -1 to 1.")
        return array.astype(np.float32)
    if not np.isfinite(array).all():
        raise AudioError("the samples: are not finite. Find what made them nan or infinite.")
    if array.size and np.abs(array).max() > MAX_FLOAT:
        raise AudioError(
            f"the samples: are of floating point up to {np.abs(array).max():.6g}, which are to be"
            " within -1 to 1. Divide them, or give int16."
        )
    return (array * FULL_SCALE).astype(np.float32)


def joined(blocks: list[np.ndarray], name: str) -> np.ndarray:
    """Blocks of samples (C, N) in a row; AudioError if their numbers of channels differ.

    >>> joined([np.zeros((1, 3)), np.zeros((1, 2))], "a call").shape
    (1, 5)
    """
    counts = sorted({len(block) for block in blocks})
    if len(counts) > 1:
        raise AudioError(
            f"{name}: have blocks of {some(counts)} channels. Give all blocks the same number."
        )
    return np.concatenate(blocks, axis=1)


def fitted(wave: Wave, name: str, reading: Reading, wanted_hz: float) -> Wave:
    """A recording with one channel, at the rate of the system; AudioError if it cannot be."""
    num_channels, num_samples = wave.samples_CN.shape
    if not num_samples:
        raise AudioError(f"{name}: no samples. Give a recording of some seconds.")
    if not np.isfinite(wave.samples_CN).all():
        raise AudioError(f"{name}: has samples that are not finite. Write the recording again.")
    if num_channels > 1:
        if reading.channel is None:
            raise AudioError(
                f"{name}: has {num_channels} channels, but the system takes one. Choose it by"
                " channel, 1, 2 ... or mix."
            )
        mix = reading.channel == "mix"
        if not mix and not 1 <= int(reading.channel) <= num_channels:
            raise AudioError(
                f"{name}: has {num_channels} channels, but channel {reading.channel} is asked for."
            )
        wave = remix(wave, [] if mix else [int(reading.channel)])
    if wave.rate_hz != wanted_hz:
        if not reading.resample:
            raise AudioError(
                f"{name}: has {wave.rate_hz} Hz, but the system takes {wanted_hz:g} Hz. Allow"
                f" conversion by resample, or convert it: sox {name} -r {wanted_hz:g} OUT"
            )
        wave = change_rate(wave, int(wanted_hz))
        wave = Wave(wave.rate_hz, quantise(wave.samples_CN))
    return wave


def read_any_file(path: str, max_sec: float | None = None) -> Wave:
    """The audio of a file, or its first `max_sec`; by ffmpeg, of a format that libsndfile lacks."""
    if os.path.isdir(path):
        raise AudioError(f"{path}: is a folder. Give a recording.")
    kind = _kind(path)
    try:
        if kind == "WAV":  # of other formats, reading notices what is missing
            check_size(path)
        return read_file(path, max_sec)
    except WaveError as error:
        if kind in BY_LIBSNDFILE and not isinstance(error, NotDecodable):
            raise
        if shutil.which("ffmpeg") is None:
            raise AudioError(
                f"{path}: {kind or 'no known audio'} is not read without the program ffmpeg."
                f" Install ffmpeg, or extract the sound elsewhere: ffmpeg -i {path} OUT.wav"
            ) from error
        return _by_ffmpeg(path, kind, max_sec)


def _kind(path):
    with open_audio(path) as file:
        kind, start, _ = kind_of_file(file)
    if not start:
        raise AudioError(f"{path}: is empty. Fetch it again.")
    return kind.name if kind else None


def _by_ffmpeg(path, kind, max_sec):
    """The first audio stream of a file; ffmpeg opens this file and nothing that it refers to."""
    command = ["ffmpeg", "-nostdin", "-v", "error", "-protocol_whitelist", "file,pipe"]
    command += ["-t", str(max_sec)] if max_sec is not None else []
    command += ["-i", f"file:{os.path.abspath(path)}", "-map", "0:a:0", "-f", "wav"]
    command += ["-acodec", "pcm_s16le", "-"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            wave = read_wave(process.stdout, path)
        except WaveError:
            wave = None
        said = process.stderr.read().decode(errors="replace").strip().splitlines()
    if wave is None or process.returncode:
        reason = said[-1][:200] if said else f"status {process.returncode}"
        raise AudioError(
            f"{path}: ffmpeg finds no sound in it, {kind or 'no known audio'} ({reason})."
        )
    return wave


def is_batch(source: Any) -> bool:
    """Whether a caller gave several recordings: a list, of paths, arrays or (array, rate)."""
    return isinstance(source, list) and not (source and isinstance(source[0], int | float))
