"""The kinds of augmentation: each draws a room, or sounds to be added.

A new kind is one class here: a `Config` with at least ``parts`` (the parts its sounds
come from), ``sounds``, all of them, and ``draw(draws, duration_sec)``.  A `Corruption`
becomes the options of one ``wav-reverberate`` call for a copy, or is done to the samples of
a chunk at once.
"""

import bisect
import dataclasses
import itertools

from steps_py.errors import ConfigError
from steps_py.registry import Registry

KINDS = Registry("kind of augmentation")


@dataclasses.dataclass(frozen=True, slots=True)
class Sound:
    """A noise, a piece of music, a room: the rest of its wav.scp line, and its length."""

    wav: str
    duration_sec: float


@dataclasses.dataclass(frozen=True, slots=True)
class Added:
    """A sound that is added from `start_sec` on; with `fills` cut or repeated to the end."""

    sound: Sound
    start_sec: float
    snr_db: float
    fills: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Corruption:
    """What is drawn for one utterance, or for one chunk of one."""

    room: Sound | None = None
    added: tuple = ()

    def options(self, duration_sec):
        """The options of ``wav-reverberate`` for an utterance of this duration (as text).

        A response is quoted because it may be a pipe; sounds that fill are pipes within.
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


@KINDS.register("reverb")
class Reverb:
    """One room's impulse response for the whole utterance.

    A part is drawn by its weight, then any of its responses, as
    ``steps/data/reverberate_data_dir.py`` does for lists without probabilities.
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config:
        parts: dict | list  # part -> weight; a list: equal weights

        def __post_init__(self):
            weights = list(_weights(self.parts).values())
            if weights and not (all(_is_number(w, 0) for w in weights) and sum(weights) > 0):
                raise ConfigError(
                    f"augmentation: parts {self.parts} have a weight below 0, or none above."
                )

    def __init__(self, config, sounds):
        weights = _weights(config.parts)
        self.sounds = join(sounds)
        self._sounds = [sounds[part] for part in weights]
        self._sums = list(itertools.accumulate(weights.values()))

    def draw(self, draws, duration_sec):
        part = bisect.bisect_right(self._sums, draws.uniform() * self._sums[-1])
        return Corruption(room=draws.choice(self._sounds[part]))


@KINDS.register("noise")
class Noise:
    """Noises one after the other, from the start of the utterance to its end."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config:
        parts: list
        snr_db: list = dataclasses.field(default_factory=lambda: [15, 10, 5, 0])
        interval_sec: float = 1.0  # from the end of one to the start of the next

        def __post_init__(self):
            check_numbers("snr_db", self.snr_db, at_least=None)
            check_numbers("interval_sec", [self.interval_sec], at_least=0)

    def __init__(self, config, sounds):
        self._config = config
        self.sounds = join(sounds)

    def draw(self, draws, duration_sec):
        added, start_sec = [], 0.0
        while start_sec < float(duration_sec):
            sound = draws.choice(self.sounds)
            added.append(Added(sound, start_sec, draws.choice(self._config.snr_db)))
            start_sec += sound.duration_sec + self._config.interval_sec
        return Corruption(added=tuple(added))


@KINDS.register("music")
class Background:
    """One or more sounds under the whole utterance, cut or repeated to its length."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config:
        parts: list
        snr_db: list = dataclasses.field(default_factory=lambda: [15, 10, 8, 5])
        num_signals: list = dataclasses.field(default_factory=lambda: [1])  # one is drawn

        def __post_init__(self):
            check_numbers("snr_db", self.snr_db, at_least=None)
            check_numbers("num_signals", self.num_signals, at_least=1, kind=int)

    def __init__(self, config, sounds):
        self._config = config
        self.sounds = join(sounds)

    def draw(self, draws, duration_sec):
        added = []
        for _ in range(draws.choice(self._config.num_signals)):
            sound = draws.choice(self.sounds)
            added.append(Added(sound, 0, draws.choice(self._config.snr_db), fills=True))
        return Corruption(added=tuple(added))


@KINDS.register("babble")
class Babble(Background):
    """Several speakers at once, each quieter than music would be."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Background.Config):
        snr_db: list = dataclasses.field(default_factory=lambda: [20, 17, 15, 13])
        num_signals: list = dataclasses.field(default_factory=lambda: [3, 4, 5, 6, 7])


def additive(signals, starts_sec, snrs_db):
    """The three options of ``wav-reverberate`` that add signals.

    >>> additive(["a.wav", "b.wav"], [0, 3.25], [15, 7.5])
    "--additive-signals='a.wav,b.wav' --start-times='0,3.25' --snrs='15,7.5'"
    """
    starts = ",".join([f"{start:.10g}" for start in starts_sec])
    snrs = ",".join([f"{snr:.10g}" for snr in snrs_db])
    quoted = ",".join(signals).replace("'", "'\"'\"'")  # one shell word, whatever is in it
    return f"--additive-signals='{quoted}' --start-times='{starts}' --snrs='{snrs}'"


def join(sounds):
    """All sounds of all parts."""
    return list(itertools.chain.from_iterable(sounds.values()))


def check_numbers(key, values, at_least, kind=(int, float)):
    """Raise a ConfigError unless `values` is a list of such numbers, not empty."""
    if not isinstance(values, list) or not values:
        raise ConfigError(f"augmentation: {key} is {values!r}; it must be a list of numbers.")
    for value in values:
        if not _is_number(value, at_least, kind):
            what = "a whole number" if kind is int else "a number"
            least = "" if at_least is None else f" of at least {at_least}"
            raise ConfigError(f"augmentation: {key} has {value!r}; it must be {what}{least}.")


def _is_number(value, at_least, kind=(int, float)):
    if isinstance(value, bool) or not isinstance(value, kind):
        return False
    return at_least is None or value >= at_least


def _weights(parts):
    return parts if isinstance(parts, dict) else dict.fromkeys(parts, 1.0)
