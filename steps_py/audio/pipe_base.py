"""The contract of commands in wav.scp pipes, and how they report unsupported uses."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from steps_py.audio.wave import Wave, quantise

SWITCH = "SIDEWINDER_PIPES"  # emulate or programs; the recipe's data.pipes


class Unknown(Exception):
    """Raised for a command, or an option of one, that only the program itself supports.

    `position` is the index of the command in its pipeline.
    """

    def __init__(self, position: int | None = None):
        super().__init__(position)
        self.position = position


@dataclass(frozen=True)
class PipeCommand:
    """A command of wav.scp pipes that is evaluated in this process.

    Attributes
    ----------
    parse : words after the name -> request
        Raises Unknown for unsupported options.
    run : (request, source, max_sec) -> Wave
        16-bit samples.  With `max_sec` it can return only the start of a recording.
        Raises Unknown for a file that only the program can read.
    is_foreign : bool
        Whether it is an external program (sox) that is emulated, not a Kaldi command or cat.
    """

    parse: Callable[[list[str]], Any]
    run: Callable[..., Wave]
    is_foreign: bool = True

    @property
    def is_allowed(self) -> bool:
        """Whether the recipe allows to evaluate it in this process (data.pipes)."""
        return not self.is_foreign or os.environ.get(SWITCH, "emulate") != "programs"


def rounded(wave: Wave) -> Wave:
    """The wave as 16-bit samples, each rounded to the nearest and clipped."""
    import numpy as np  # here for start-up time

    return Wave(wave.rate_hz, quantise(np.floor(wave.samples_CN + np.float32(0.5))))
