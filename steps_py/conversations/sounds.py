"""Recordings of conversations as sounds at the sample rate of an extractor."""

import os

from steps_py.audio.decode import read_file
from steps_py.audio.errors import NotDecodable
from steps_py.audio.file_info import audio_info
from steps_py.audio.pieces import IN_PIECES, ResampledSound, Sound, SoundInFile, SoundInMemory
from steps_py.audio.pipelines import evaluate
from steps_py.audio.sox import remix
from steps_py.audio.wave import Wave
from steps_py.errors import AudioError
from steps_py.formats.streams import classify_rxfilename


def open_sound_of(
    entry: str,
    name: str,
    wanted_hz: float,
    resample: bool = False,
    channel: int | str | None = None,
) -> Sound:
    """The recording of a path or an entry of wav.scp, one channel at `wanted_hz`.

    Files of `IN_PIECES` are read in pieces; others, and outputs of pipes, are in memory as a whole.

    Parameters
    ----------
    entry : str
    name : str
        For messages.
    wanted_hz : float
    resample : bool
        Convert a recording of another rate, which is an error otherwise.
    channel : int, "mix", optional
        From 1, of a recording with several; mix: their mean. None: these are an error.

    Raises
    ------
    AudioError
        In one line, if the recording is missing, damaged, empty or does not fit.
    """
    kind = classify_rxfilename(entry)
    if kind == "file":
        sound = _of_file(entry, channel)
    else:
        wave = evaluate(entry[:-1].strip()) if kind == "pipe" else None
        if wave is None:
            raise AudioError(f"{name}: '{entry[:200]}' cannot be read here. Write it to a file.")
        sound = _of_wave(wave, entry, channel)
    if not sound.num_samples:
        raise AudioError(f"{name}: no samples. Give a recording of some seconds.")
    if sound.rate_hz == wanted_hz:
        return sound
    if not resample:
        raise AudioError(
            f"{name}: has {sound.rate_hz} Hz, but the extractor takes {wanted_hz:g} Hz. Allow"
            " conversion by resample, or convert the recording."
        )
    return ResampledSound(sound, int(wanted_hz))


def _of_file(path, channel):
    if os.path.isdir(path):
        raise AudioError(f"{path}: is a folder. Give a recording.")
    info = audio_info(path)
    if info.kind not in IN_PIECES:
        return _of_wave(read_file(path), path, channel)
    try:
        return SoundInFile(path, _chosen(channel, info.num_channels, path))
    except NotDecodable:
        return _of_wave(read_file(path), path, channel)


def _of_wave(wave: Wave, path, channel):
    chosen = _chosen(channel, len(wave.samples_CN), path)
    return SoundInMemory(remix(wave, [] if chosen == "mix" else [chosen]))


def _chosen(channel, num_channels, path):
    if num_channels == 1:
        return 1
    if channel is None:
        raise AudioError(
            f"{path}: has {num_channels} channels, but one is taken. Choose it by channel: 1, 2 ..."
            " or mix."
        )
    if channel != "mix" and not 1 <= channel <= num_channels:
        raise AudioError(f"{path}: has {num_channels} channels, but channel {channel} is chosen.")
    return channel
