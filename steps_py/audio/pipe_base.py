"""What the commands of a pipe share: their contract, and how one passes on what it cannot do."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from steps_py.audio.wave import Wave, quantise

SWITCH = "SIDEWINDER_PIPES"  # emulate or programs; the recipe's data.pipes


class Unknown(Exception):
    """A command, or an option of one, that only the program itself understands.

    `stage` is the position of the command in its pipeline.
    """

    def __init__(self, stage: int | None = None):
        super().__init__(stage)
        self.stage = stage


@dataclass(frozen=True)
class PipeCommand:
    """A command of wav.scp pipes that is evaluated in this process.

    Attributes
    ----------
    parse : words after the name -> request
        Raises Unknown for options whose effect is not known here.
    run : (request, source, max_sec) -> Wave
        16-bit samples.  `max_sec` allows it to return only the start of a recording.
        Raises Unknown for a file that only the program can read.
    is_foreign : bool
        A program of its own (sox), which is emulated; not one of Kaldi's commands or cat.
    """

    parse: Callable[[list[str]], Any]
    run: Callable[..., Wave]
    is_foreign: bool = True

    @property
    def is_allowed(self) -> bool:
        """Whether the recipe lets it be evaluated here instead of by the program."""
        return not self.is_foreign or os.environ.get(SWITCH, "emulate") != "programs"


def rounded(wave: Wave) -> Wave:
    """The wave as 16-bit samples, each rounded to the nearest and clipped."""
    import numpy as np  # here for start-up time

    return Wave(wave.rate_hz, quantise(np.floor(wave.samples_CN + np.float32(0.5))))
