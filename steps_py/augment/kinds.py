"""Kinds of augmentation: each draws a room impulse response, or sounds to add.

A kind is a subclass of `Kind`.  The Corruption that it draws becomes the options of a
``wav-reverberate`` call for a copy, or is applied to the samples of a chunk.
"""

import bisect
import dataclasses
import itertools
from collections.abc import Mapping
from typing import Annotated, Any

from steps_py.draws import Draws
from steps_py.errors import ConfigError
from steps_py.registry import Registry
from steps_py.settings.declare import Count, Keywords, setting

KINDS = Registry("kind of augmentation", home="steps_py.augment.kinds")

Parts = Annotated[list[str], Keywords(minItems=1)]
Weight = Annotated[float, Keywords(minimum=0)]
SNR_DB = "signal-to-noise ratios in dB; one is drawn"


@dataclasses.dataclass(frozen=True, slots=True)
class Sound:
    """A noise, a piece of music or a room impulse response: its wav.scp entry and duration."""

    wav: str
    duration_sec: float


@dataclasses.dataclass(frozen=True, slots=True)
class Added:
    """A sound that is added from `start_sec` on; with `fills`, cut or repeated to the end."""

    sound: Sound
    start_sec: float
    snr_db: float
    fills: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Corruption:
    """The augmentation of one utterance or chunk: a room, and sounds to add."""

    room: Sound | None = None
    added: tuple = ()

    def options(self, duration_sec: str) -> str:
        """The options of ``wav-reverberate`` for an utterance of this duration.

        The response is quoted because it can be a pipe; sounds that fill are nested pipes.
        """
        words = []
        if self.room:
            words.append(f'--impulse-response="{self.room.wav}"')
        if self.added:
            signals = [
                f'wav-reverberate --duration={duration_sec} "{each.sound.wav}" - |'
                if each.fills
                else each.sound.wav
                for each in self.added
            ]
            starts_sec = [each.start_sec for each in self.added]
            words.append(additive(signals, starts_sec, [each.snr_db for each in self.added]))
        return " ".join(words)


class Kind:
    """A kind of augmentation.

    Parameters
    ----------
    config : Config
        With at least ``parts``, the corpus parts that sounds are drawn from.
    sounds : dict of str to list of Sound
        The recordings of these parts.

    Attributes
    ----------
    sounds : list of Sound
        All sounds that can be drawn.
    """

    sounds: list[Sound]

    def __init__(self, config: Any, sounds: Mapping[str, list[Sound]]):
        raise NotImplementedError

    def draw(self, draws: Draws, duration_sec: float) -> Corruption:
        """The Corruption of an utterance or chunk of this duration."""
        raise NotImplementedError


@KINDS.register("reverb")
class Reverb(Kind):
    """The impulse response of one room for the whole utterance.

    A part is drawn by its weight, then any of its responses, as
    ``steps/data/reverberate_data_dir.py`` does for lists without probabilities.
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config:
        parts: list[str] | dict[str, Weight] = setting(
            description="part -> weight; a list: equal weights", minItems=1, minProperties=1
        )

        def __post_init__(self):
            if not sum(_weights(self.parts).values()) > 0:
                raise ConfigError(f"all weights of the parts {self.parts} are 0. Raise one.")

    def __init__(self, config: Config, sounds: Mapping[str, list[Sound]]):
        weights = _weights(config.parts)
        self.sounds = join(sounds)
        self._sounds = [sounds[part] for part in weights]
        self._sums = list(itertools.accumulate(weights.values()))

    def draw(self, draws: Draws, duration_sec: float) -> Corruption:
        part = bisect.bisect_right(self._sums, draws.uniform() * self._sums[-1])
        return Corruption(room=draws.choice(self._sounds[part]))


@KINDS.register("noise")
class Noise(Kind):
    """Consecutive noises from the start of the utterance to its end."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config:
        parts: Parts
        snr_db: list[float] = setting([15, 10, 5, 0], SNR_DB, minItems=1)
        interval_sec: float = setting(1.0, "pause between noises, in s", minimum=0)

    def __init__(self, config: Config, sounds: Mapping[str, list[Sound]]):
        self._config = config
        self.sounds = join(sounds)

    def draw(self, draws: Draws, duration_sec: float) -> Corruption:
        added, start_sec = [], 0.0
        while start_sec < float(duration_sec):
            sound = draws.choice(self.sounds)
            added.append(Added(sound, start_sec, draws.choice(self._config.snr_db)))
            start_sec += sound.duration_sec + self._config.interval_sec
        return Corruption(added=tuple(added))


@KINDS.register("music")
class Background(Kind):
    """One or more sounds over the whole utterance, cut or repeated to its length."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config:
        parts: Parts
        snr_db: list[float] = setting([15, 10, 8, 5], SNR_DB, minItems=1)
        num_signals: list[Count] = setting(
            [1], "numbers of simultaneous sounds; one is drawn", minItems=1
        )

    def __init__(self, config: Config, sounds: Mapping[str, list[Sound]]):
        self._config = config
        self.sounds = join(sounds)

    def draw(self, draws: Draws, duration_sec: float) -> Corruption:
        added = []
        for _ in range(draws.choice(self._config.num_signals)):
            sound = draws.choice(self.sounds)
            added.append(Added(sound, 0, draws.choice(self._config.snr_db), fills=True))
        return Corruption(added=tuple(added))


@KINDS.register("babble")
class Babble(Background):
    """Several simultaneous speakers, at a higher SNR than music."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Background.Config):
        snr_db: list[float] = setting([20, 17, 15, 13], SNR_DB, minItems=1)
        num_signals: list[Count] = setting(
            [3, 4, 5, 6, 7], "numbers of simultaneous speakers; one is drawn", minItems=1
        )


def additive(signals: list[str], starts_sec: list[float], snrs_db: list[float]) -> str:
    """The three options of ``wav-reverberate`` that add signals.

    >>> additive(["a.wav", "b.wav"], [0, 3.25], [15, 7.5])
    "--additive-signals='a.wav,b.wav' --start-times='0,3.25' --snrs='15,7.5'"
    """
    starts = ",".join([f"{start:.10g}" for start in starts_sec])
    snrs = ",".join([f"{snr:.10g}" for snr in snrs_db])
    quoted = ",".join(signals).replace("'", "'\"'\"'")  # one shell word with any content
    return f"--additive-signals='{quoted}' --start-times='{starts}' --snrs='{snrs}'"


def join(sounds: Mapping[str, list[Sound]]) -> list[Sound]:
    """All sounds of all parts."""
    return list(itertools.chain.from_iterable(sounds.values()))


def _weights(parts):
    return parts if isinstance(parts, dict) else dict.fromkeys(parts, 1.0)
