"""The kinds of augmented copies: each draws the options of one ``wav-reverberate`` call.

A new kind is one class here: a `Config` with at least ``parts`` (the parts its sounds
come from), and ``options(draws, duration_sec)``.
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
        self._sounds = [sounds[part] for part in weights]
        self._sums = list(itertools.accumulate(weights.values()))

    def options(self, draws, duration_sec):
        """``--impulse-response``, quoted because it may be a pipe."""
        part = bisect.bisect_right(self._sums, draws.uniform() * self._sums[-1])
        return f'--impulse-response="{draws.choice(self._sounds[part]).wav}"'


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
        self._sounds = join(sounds)

    def options(self, draws, duration_sec):
        """``--additive-signals`` with their start times, in seconds, and SNRs."""
        signals, starts, snrs, start_sec = [], [], [], 0.0
        while start_sec < float(duration_sec):
            sound = draws.choice(self._sounds)
            signals.append(sound.wav)
            starts.append(start_sec)
            snrs.append(draws.choice(self._config.snr_db))
            start_sec += sound.duration_sec + self._config.interval_sec
        return additive(signals, starts, snrs)


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
        self._sounds = join(sounds)

    def options(self, draws, duration_sec):
        """``--additive-signals``: nested pipes, all from the start."""
        number = draws.choice(self._config.num_signals)
        signals, snrs = [], []
        for _ in range(number):
            wav = draws.choice(self._sounds).wav
            signals.append(f'wav-reverberate --duration={duration_sec} "{wav}" - |')
            snrs.append(draws.choice(self._config.snr_db))
        return additive(signals, [0] * number, snrs)


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
