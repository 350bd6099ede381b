"""Stretches of recordings, by their wav.scp entries, without a process.

Of a WAV or FLAC file only the wanted samples are read; what a pipe writes is computed whole.
Short recordings and the results of pipes are kept in memory for the next time, up to a limit.
"""

import functools
import io
import os
from collections import OrderedDict

import numpy as np

from steps_py.audio.decode import UNKNOWN_SAMPLES
from steps_py.audio.pipe_commands import FFMPEG_FILES, PIPE_COMMANDS, copied_file
from steps_py.audio.pipelines import evaluate, split_pipeline
from steps_py.audio.wave import WaveError, read_header
from steps_py.errors import AudioError, StepsError, some
from steps_py.formats.streams import classify_rxfilename, split_offset

KEPT_SEC = 10  # longer files are read in parts, shorter ones whole
KEPT_BYTES = 64 << 20
HEAD_BYTES = 4096  # hold the header of nearly every WAV file
CURE = "Decode these recordings to WAV or FLAC files first, or set train.input to feats."


class Stretches:
    """Reads stretches; `kept_bytes` bounds what is remembered.

    Samples are of the first channel, int16, at the recording's own rate.
    """

    def __init__(self, kept_bytes=KEPT_BYTES):
        self._kept, self._room = OrderedDict(), kept_bytes

    def read(self, entry, first=0, end=None):
        """(rate_hz, samples [first, end)); fewer where the recording ends before.

        Raises
        ------
        WaveError
            If a file is missing, damaged or of another kind.
        AudioError
            If the entry needs a shell.
        """
        if entry in self._kept:
            self._kept.move_to_end(entry)
        else:
            rate_hz, num_samples, read = _open(entry)
            if num_samples is not None and num_samples > KEPT_SEC * rate_hz:
                end = num_samples if end is None else min(end, num_samples)
                return rate_hz, read(min(first, end), end)
            self._keep(entry, rate_hz, read(0, num_samples))
        rate_hz, samples_N = self._kept[entry]
        return rate_hz, samples_N[first:end]

    def _keep(self, entry, rate_hz, samples_N):
        samples_N.flags.writeable = False
        self._kept[entry] = rate_hz, samples_N
        self._room -= samples_N.nbytes
        while self._room < 0 and len(self._kept) > 1:
            self._room += self._kept.popitem(last=False)[1][1].nbytes


def _open(entry):
    """(rate_hz, number of samples or None, read(first, end)) of the recording behind an entry."""
    kind = classify_rxfilename(entry)
    if kind == "pipe":
        path = _copied_by(entry)
        if path is None:
            return _evaluate(entry)
        return _open_flac(path) if path.lower().endswith(".flac") else _open_wav(path, 0)
    if kind in ("file", "offset"):
        return _open_wav(*split_offset(entry))
    raise AudioError(f"'{entry}': cannot be read here. {CURE}")


@functools.lru_cache(maxsize=10_000)
def _copied_by(entry):
    """The file that a pipe copies, or None: to split a pipe costs as much as to read a chunk."""
    stages = split_pipeline(entry[:-1].strip())
    path = copied_file(stages[0].words) if stages and len(stages) == 1 else None
    return path if path and classify_rxfilename(path) == "file" else None


def _evaluate(entry):
    reason = why_not(entry)
    wave = None if reason else evaluate(entry[:-1].strip())
    if wave is None:
        raise AudioError(f"'{entry}': {reason or 'needs a shell'}. {CURE}")
    return wave.rate_hz, None, lambda first, end: wave.samples_CN[0].astype(np.int16)[first:end]


def _open_wav(path, offset):
    with _opened(path) as file:
        size = os.fstat(file.fileno()).st_size
        source = io.BytesIO(os.pread(file.fileno(), HEAD_BYTES, offset))
        try:
            header = read_header(source, path)
        except WaveError:
            if offset + HEAD_BYTES >= size:
                raise
            file.seek(offset)  # a header longer than usual
            source = io.BufferedReader(file)
            header = read_header(source, path)
            offset = 0
        begin = offset + source.tell()
    num_bytes = size - begin if header.num_bytes is None else header.num_bytes
    if begin + num_bytes > size:
        raise WaveError(
            f"{path}: truncated; {begin + num_bytes - size} of {num_bytes} bytes of samples are"
            " missing. Fetch the file again."
        )
    step = header.bytes_per_sample

    def read(first, end):
        with _opened(path) as file:
            data = os.pread(file.fileno(), max(0, end - first) * step, begin + first * step)
        flat = np.frombuffer(data, header.byte_order + "i2")
        return flat[:: header.num_channels].astype(np.int16)

    return header.rate_hz, num_bytes // step, read


def _opened(path):
    try:
        return open(path, "rb", buffering=0)
    except OSError as error:
        raise WaveError(f"{path}: cannot open: {error.strerror}. Check the path.") from None


def _open_flac(path):
    import soundfile

    try:
        file = soundfile.SoundFile(path)
    except soundfile.LibsndfileError as error:
        raise WaveError(f"{path}: {error.error_string} Is it missing or damaged?") from None
    if file.subtype != "PCM_16":
        raise WaveError(f"{path}: samples are {file.subtype}, not of 16 bits. Convert it with sox.")
    num_samples = file.frames if file.frames < UNKNOWN_SAMPLES else None

    def read(first, end):
        try:
            with file:
                if first:
                    file.seek(first)
                samples = file.read(-1 if end is None else max(0, end - first), dtype="int16")
        except soundfile.LibsndfileError as error:
            raise WaveError(f"{path}: damaged ({error.error_string}) Fetch it again.") from None
        if end is not None and len(samples) < end - first:
            raise WaveError(
                f"{path}: truncated; the header promises {num_samples} samples, the decoder ends"
                f" at {first + len(samples)}. Fetch it again."
            )
        return samples if samples.ndim == 1 else np.ascontiguousarray(samples[:, 0])

    return file.samplerate, num_samples, read


def why_not(entry):
    """Why an entry cannot be read in this process, or None if it can, as far as it shows.

    >>> why_not("a.wav"), why_not("flac -c -d -s a.flac |"), why_not("curl http://x | sox - |")
    (None, None, "needs the program 'curl'")
    """
    kind = classify_rxfilename(entry)
    if kind in ("file", "offset"):
        return None
    stages = split_pipeline(entry[:-1].strip()) if kind == "pipe" else None
    if not stages or any(not stage.words for stage in stages):
        return "needs a shell"
    for stage in stages:
        name, *words = stage.words
        if name not in PIPE_COMMANDS or not PIPE_COMMANDS[name].is_allowed:
            return f"needs the program '{name}'"
        if name == "ffmpeg" and not any(word.lower().endswith(FFMPEG_FILES) for word in words):
            return "needs the program 'ffmpeg'"
    return None


def check_entries(names, entries, where):
    """AudioError, with examples and the cure, if some entries cannot be read in this process."""
    wrong = [
        f"{name} {reason}"
        for name, entry in zip(names, entries, strict=True)
        if (reason := why_not(entry))
    ]
    if wrong:
        raise AudioError(
            f"{where}: {len(wrong)} of {len(names)} recordings cannot be read where the network"
            f" is trained ({some(wrong)}). {CURE}"
        )


def naming_recording(name, error):
    """The error with the name of the utterance or sound before it."""
    if isinstance(error, StepsError):
        return AudioError(f"{name}: {error}")
    return AudioError(f"{name}: {error.filename}: {error.strerror}.")
