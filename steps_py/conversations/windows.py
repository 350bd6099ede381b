"""Stretches of speech -> uniform windows, whose x-vectors are clustered."""

from dataclasses import dataclass

from steps_py.errors import ConfigError
from steps_py.settings.declare import setting

Stretch = tuple[float, float]  # begin and end in s


@dataclass(frozen=True, kw_only=True)
class WindowsConfig:
    """Section ``diarization.windows``: the length and the shift are those of Kaldi's recipes."""

    window_sec: float = setting(1.5, "length of a window in s", exclusiveMinimum=0)
    shift_sec: float = setting(
        0.75, "from one window to the next, in s; 0.25 is slower and finer", exclusiveMinimum=0
    )
    min_sec: float = setting(
        0.1, "shorter stretches of speech have no window, and so no speaker", minimum=0
    )

    def __post_init__(self):
        if self.shift_sec > self.window_sec:
            raise ConfigError(
                f"diarization.windows: shift_sec is {self.shift_sec:g}, more than window_sec,"
                f" {self.window_sec:g}: speech between windows would have no speaker."
            )


def cut_windows(stretches: list[Stretch], config: WindowsConfig) -> list[Stretch]:
    """The windows of each stretch of speech; the last one ends where the stretch ends.

    Parameters
    ----------
    stretches : list of (begin, end) in s

    Examples
    --------
    >>> cut_windows([(0.0, 3.4), (5.0, 5.8), (9.0, 9.05)], WindowsConfig())
    [(0.0, 1.5), (0.75, 2.25), (1.5, 3.0), (1.9, 3.4), (5.0, 5.8)]
    """
    windows = []
    for begin, end in stretches:
        if end - begin < config.min_sec or end <= begin:
            continue
        number = 0
        while begin + number * config.shift_sec + config.window_sec < end - 1e-3:
            start = begin + number * config.shift_sec
            windows.append((_rounded(start), _rounded(start + config.window_sec)))
            number += 1
        windows.append((_rounded(max(begin, end - config.window_sec)), _rounded(end)))
    return windows


def _rounded(seconds):
    return round(seconds, 4)
