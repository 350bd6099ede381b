"""Random access to the samples of recordings, by wav.scp entry, without external processes.

Only the needed samples of a WAV or FLAC file are read; the output of a pipe is computed whole.
Short recordings and outputs of pipes are cached in memory, up to a limit.
"""

import functools
import os
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from steps_py.audio.decode import open_sound, read_samples
from steps_py.audio.errors import WaveError, truncated
from steps_py.audio.file_info import open_audio
from steps_py.audio.headers.riff import locate_samples
from steps_py.audio.pipe_checks import shell_reason
from steps_py.audio.pipe_commands import FFMPEG_FILES, PIPE_COMMANDS, copied_file
from steps_py.audio.pipelines import evaluate, split_pipeline
from steps_py.audio.wave import refuse_others
from steps_py.errors import AudioError, StepsError, some
from steps_py.formats.streams import classify_rxfilename, split_offset

CACHED_SEC = 10  # files up to this length are read whole and cached
CACHE_BYTES = 64 << 20
FIX = "Decode these recordings to WAV or FLAC files first, or set train.input to feats."


class RandomAccessAudio:
    """Reads ranges of samples; `cache_bytes` limits the cache.

    Samples are of the first channel, int16, at the recording's own rate.
    """

    def __init__(self, cache_bytes: int = CACHE_BYTES):
        self._cache, self._free_bytes = OrderedDict(), cache_bytes

    def read(self, entry: str, first: int = 0, end: int | None = None) -> tuple[int, np.ndarray]:
        """(rate_hz, samples [first, end)); fewer at the end of the recording.

        Raises
        ------
        WaveError
            If a file is missing, damaged or of another kind.
        AudioError
            If the entry needs a shell.
        """
        if entry in self._cache:
            self._cache.move_to_end(entry)
        else:
            rate_hz, num_samples, read = _open(entry)
            if num_samples is not None and num_samples > CACHED_SEC * rate_hz:
                end = num_samples if end is None else min(end, num_samples)
                return rate_hz, read(min(first, end), end)
            self._add(entry, rate_hz, read(0, num_samples))
        rate_hz, samples_N = self._cache[entry]
        return rate_hz, samples_N[first:end]

    def _add(self, entry, rate_hz, samples_N):
        samples_N.flags.writeable = False
        self._cache[entry] = rate_hz, samples_N
        self._free_bytes -= samples_N.nbytes
        while self._free_bytes < 0 and len(self._cache) > 1:
            self._free_bytes += self._cache.popitem(last=False)[1][1].nbytes


def _open(entry):
    """(rate_hz, number of samples or None, read(first, end)) of the recording behind an entry."""
    kind = classify_rxfilename(entry)
    if kind == "pipe":
        name, path = _copied_by(entry)
        if path is None:
            return _evaluate(entry)
        return _open_flac(path) if name == "flac" else _open_wav(path, 0)
    if kind in ("file", "offset"):
        return _open_wav(*split_offset(entry))
    raise AudioError(f"'{entry}': cannot be read here. {FIX}")


@functools.lru_cache(maxsize=10_000)
def _copied_by(entry):
    """(command, file) of a pipe that copies a file, or Nones.

    Cached, since splitting a pipe takes as long as reading a chunk.
    """
    commands = split_pipeline(entry[:-1].strip())
    words = commands[0].words if commands and len(commands) == 1 else None
    path = copied_file(words) if words else None
    return (words[0], path) if path and classify_rxfilename(path) == "file" else (None, None)


def _evaluate(entry):
    reason = unreadable_reason(entry)
    wave = None if reason else evaluate(entry[:-1].strip())
    if wave is None:
        raise AudioError(f"'{entry}': {reason or 'needs a shell'}. {FIX}")
    return wave.rate_hz, None, lambda first, end: wave.samples_CN[0].astype(np.int16)[first:end]


def _open_wav(path, offset):
    with open_audio(path) as file:
        header, begin, num_bytes = locate_samples(file, path, offset)
    refuse_others(header, path)
    step = header.bytes_per_sample

    def read(first, end):
        with open_audio(path) as file:
            data = os.pread(file.fileno(), max(0, end - first) * step, begin + first * step)
        flat = np.frombuffer(data, header.byte_order + "i2")
        return flat[:: header.num_channels].astype(np.int16)

    return header.rate_hz, num_bytes // step, read


def _open_flac(path):
    file = open_sound(path, is_flac=True)
    if file.subtype != "PCM_16":
        raise WaveError(f"{path}: samples are {file.subtype}, not of 16 bits. Convert it with sox.")

    def read(first, end):
        with file:
            samples_NC = read_samples(file, end - first, path, first=first)
        if len(samples_NC) < end - first:
            missing = end - first - len(samples_NC)
            raise truncated(path, file.frames / file.samplerate, missing / file.samplerate)
        return np.ascontiguousarray(samples_NC[:, 0])

    return file.samplerate, file.frames, read


def unreadable_reason(entry: str) -> str | None:
    """Why an entry cannot be read in this process; None if nothing in it prevents that.

    >>> unreadable_reason("flac -c -d -s a.flac |") is None
    True
    >>> unreadable_reason("curl http://x | sox - |")
    "runs 'curl'"
    """
    kind = classify_rxfilename(entry)
    if kind in ("file", "offset"):
        return None
    reason = shell_reason(entry) if kind == "pipe" else "needs a shell"
    if reason not in (None, "has a pipe within"):
        return reason
    for command in split_pipeline(entry[:-1].strip()):
        name, *words = command.words
        if not PIPE_COMMANDS[name].is_allowed:
            return f"needs the program '{name}', as data.pipes says"
        if name == "ffmpeg" and not any(word.lower().endswith(FFMPEG_FILES) for word in words):
            return "needs the program 'ffmpeg'"
    return None


def check_entries(names: Sequence[str], entries: Sequence[str], where: str | Path) -> None:
    """Raise AudioError if some entries cannot be read in this process."""
    wrong = [
        f"{name} {reason}"
        for name, entry in zip(names, entries, strict=True)
        if (reason := unreadable_reason(entry))
    ]
    if wrong:
        raise AudioError(
            f"{where}: {len(wrong)} of {len(names)} recordings cannot be read where the network"
            f" is trained ({some(wrong)}). {FIX}"
        )


def with_recording_name(name: str, error: StepsError | OSError) -> AudioError:
    """The error as an AudioError that begins with the name of the utterance or sound."""
    if isinstance(error, StepsError):
        return AudioError(f"{name}: {error}")
    return AudioError(f"{name}: {error.filename}: {error.strerror}.")
