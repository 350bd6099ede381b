"""Emulation of sox, for its common uses in wav.scp.

    sox FILE [-t wav] [-r RATE] [-b 16] [-c 1] -t wav - [effects]

with the effects remix, channels, rate, speed and trim.  FILE is anything libsndfile reads, or
``-`` for a wave from a pipe.  Not equal to sox in two respects: rate and speed are changed by a
filter of our own, equally sharp (see steps_py/audio/resample.py), and no dither is added.

Shapes: C channels, N samples of each.
"""

import re
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING

from steps_py.audio.errors import NotDecodable, WaveError
from steps_py.audio.pipe_base import Unknown, rounded
from steps_py.audio.wave import Wave

if TYPE_CHECKING:
    from steps_py.audio.pipelines import Source

_RATE = re.compile(r"(\d+(?:\.\d+)?)(k?)", re.IGNORECASE)
_MAX_TERM = 1000  # of a speed as a ratio
_SECONDS = re.compile(r"\d+(\.\d*)?|\.\d+")
_NO_VALUE = re.compile("-q|-R|-D|-V[0-6]?|--no-dither|--single-threaded")


@dataclass
class Request:
    """A parsed command line of sox."""

    path: str
    rate_hz: int | None = None
    num_channels: int | None = None
    effects: list = field(default_factory=list)  # (name, argument) in their order


def run_sox(request: Request, source: "Source", max_sec: float | None = None) -> Wave:
    """The Wave that sox writes to its standard output for a `Request`."""
    changes = request.effects or request.rate_hz or request.num_channels
    try:
        wave = source.read_audio(request.path, _needed_sec(request, None if changes else max_sec))
    except NotDecodable:
        raise Unknown from None
    for name, argument in request.effects:
        wave = EFFECTS[name](wave, argument)
    if request.num_channels is not None:
        wave = mix_channels(wave, request.num_channels)
    if request.rate_hz is not None:
        wave = change_rate(wave, request.rate_hz)
    return rounded(wave)


def _needed_sec(request, max_sec):
    """How much of the input a leading trim needs."""
    if request.effects and request.effects[0][0] == "trim":
        start, length = request.effects[0][1]
        return None if length is None else start + length + 0.01
    return max_sec


def parse_sox(words: list[str]) -> Request:
    """The Request that the words after ``sox`` spell; Unknown if they ask for more.

    >>> parse_sox("a.wav -r 16k -t wav - remix 1".split())
    Request(path='a.wav', rate_hz=16000, num_channels=None, effects=[('remix', [1])])
    """
    words = list(words)
    before, path = _settings(words, {"-t"})
    if before.get("-t", "wav") not in ("wav", "flac", "sph", "ogg", "mp3") or path.startswith("|"):
        raise Unknown
    after, output = _settings(words, {"-t", "-r", "-c", "-b", "-e"})
    encoding = after.get("-b", "16"), after.get("-e", "signed-integer")
    wave_output = output == "-" and after.get("-t") in ("wav", "wavpcm")
    if not wave_output or encoding[0] != "16" or not "signed-integer".startswith(encoding[1]):
        raise Unknown
    request = Request(path)
    if "-r" in after:
        request.rate_hz = _rate(after["-r"])
    if "-c" in after:
        request.num_channels = _count(after["-c"])
    while words:
        name = words.pop(0)
        if name not in EFFECTS:
            raise Unknown
        arguments = []
        while words and words[0] not in EFFECTS:
            arguments.append(words.pop(0))
        request.effects.append((name, _ARGUMENTS[name](arguments)))
    return request


def _settings(words, known):
    """The options at the start of `words`, as a dict, and the file after them; both are taken."""
    settings = {}
    while words:
        word = words.pop(0)
        if _NO_VALUE.fullmatch(word):
            continue
        if word in known and words:
            settings[word] = words.pop(0)
        elif word.startswith("-") and word != "-":
            raise Unknown
        else:
            return settings, word
    raise Unknown


def _rate(text):
    match = _RATE.fullmatch(text)
    rate_hz = float(match[1]) * (1000 if match[2] else 1) if match else 0
    if rate_hz != int(rate_hz) or rate_hz <= 0:
        raise Unknown
    return int(rate_hz)


def _count(text):
    if not text.isdecimal() or int(text) < 1:
        raise Unknown
    return int(text)


def _rate_argument(arguments):
    arguments = [word for word in arguments if not re.fullmatch("-[qlmhvsMILa]", word)]
    if len(arguments) != 1:
        raise Unknown
    return _rate(arguments[0])


def _speed_argument(arguments):
    """The numerator and the denominator of a speed such as 0.9."""
    if len(arguments) != 1 or not _SECONDS.fullmatch(arguments[0]):
        raise Unknown
    ratio = Fraction(arguments[0])
    if ratio == 0 or max(ratio.numerator, ratio.denominator) > _MAX_TERM:
        raise Unknown
    return ratio.numerator, ratio.denominator


def _channels_argument(arguments):
    if len(arguments) != 1:
        raise Unknown
    return _count(arguments[0])


def _remix_argument(arguments):
    """The channels that are mixed to one; an empty list means all."""
    if arguments == ["-"]:
        return []
    if len(arguments) != 1:
        raise Unknown  # several output channels
    return [_count(channel) for channel in arguments[0].split(",")]


def _trim_argument(arguments):
    if len(arguments) not in (1, 2) or not all(map(_SECONDS.fullmatch, arguments)):
        raise Unknown
    start, *length = map(float, arguments)
    return start, (length[0] if length else None)


def remix(wave: Wave, channels: list[int]) -> Wave:
    """One channel: the mean of those named, or of all."""
    present = len(wave.samples_CN)
    if any(channel > present for channel in channels):
        raise WaveError(
            f"sox remix: channel {max(channels)} of a recording of {present}. Name one it has."
        )
    rows = [channel - 1 for channel in channels] or slice(None)
    return Wave(wave.rate_hz, wave.samples_CN[rows].mean(axis=0, keepdims=True))


def mix_channels(wave: Wave, num_channels: int) -> Wave:
    """The given number of channels: all of them, or one that is their mean."""
    if num_channels == len(wave.samples_CN):
        return wave
    if num_channels != 1:
        raise Unknown
    return remix(wave, [])


def change_rate(wave: Wave, rate_hz: int) -> Wave:
    """The recording at another sample rate."""
    if rate_hz == wave.rate_hz:
        return wave
    import numpy as np  # start-up time

    from steps_py.audio.resample import FINE_FILTER, resample

    rows = [resample(row, wave.rate_hz, rate_hz, FINE_FILTER) for row in wave.samples_CN]
    return Wave(rate_hz, np.stack(rows))


def trim(wave: Wave, stretch: tuple[float, float]) -> Wave:
    """The recording from a time on, or the stretch of a length after it (in seconds)."""
    start_sec, length_sec = stretch
    start = int(start_sec * wave.rate_hz + 0.5)
    end = None if length_sec is None else start + int(length_sec * wave.rate_hz + 0.5)
    samples_CN = wave.samples_CN[:, start:end]
    if samples_CN.shape[1] == 0:
        raise WaveError(
            f"sox trim: nothing is left of {wave.duration_sec:.2f} s from {start_sec:g} s on."
            " Start earlier."
        )
    return Wave(wave.rate_hz, samples_CN)


def change_speed(wave: Wave, ratio: tuple[int, int]) -> Wave:
    """The recording played faster by a ratio of whole numbers, (numerator, denominator)."""
    import numpy as np  # start-up time

    from steps_py.audio.resample import FINE_FILTER, resample

    rows = [resample(row, *ratio, FINE_FILTER) for row in wave.samples_CN]
    return Wave(wave.rate_hz, np.stack(rows))


EFFECTS = {
    "remix": remix,
    "channels": mix_channels,
    "rate": change_rate,
    "speed": change_speed,
    "trim": trim,
}
_ARGUMENTS = {
    "remix": _remix_argument,
    "channels": _channels_argument,
    "rate": _rate_argument,
    "speed": _speed_argument,
    "trim": _trim_argument,
}
