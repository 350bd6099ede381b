"""The contract of speech detectors, and what they share.

Shape suffixes (scope: this package):
    T = frames
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from steps_py.audio.pieces import Sound
from steps_py.embeddings.long_features import LongFeatures
from steps_py.registry import Registry

SPEECH_DETECTORS = Registry("speech detector", home="steps_py.conversations.speech")


@dataclass(frozen=True)
class Heard:
    """What a detector may read of a recording.

    Attributes
    ----------
    sound : Sound
        At the sample rate of the extractor.
    features : LongFeatures
    reference : sequence of (float, float) or None
        Where speakers of the reference speak, begin and end in s; None without a reference.
    """

    sound: Sound
    features: LongFeatures
    reference: Sequence[tuple[float, float]] | None = None


class SpeechDetector:
    """Finds the stretches of speech of a recording."""

    reads_reference = False  # whether it needs the reference RTTM of a set

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """A detector without options."""

    def __init__(self, config: Any):
        self.config = config

    def stretches(self, heard: Heard) -> list[tuple[float, float]]:
        """Begin and end of each stretch in s, in order, without overlaps; [] without speech."""
        raise NotImplementedError


def stretches_of_frames(is_speech_T: np.ndarray, frame_shift_sec: float) -> list:
    """Runs of true frames as (begin, end) in s.

    >>> stretches_of_frames(np.array([0, 1, 1, 0, 1], bool), 0.01)
    [(0.01, 0.03), (0.04, 0.05)]
    """
    padded = np.concatenate([[False], np.asarray(is_speech_T, bool), [False]])
    edges = np.flatnonzero(padded[1:] != padded[:-1])
    return [
        (round(first * frame_shift_sec, 4), round(end * frame_shift_sec, 4))
        for first, end in edges.reshape(-1, 2).tolist()
    ]


def joined(stretches: Sequence[tuple[float, float]], gap_sec: float = 0.0) -> list:
    """Stretches in order of time, with overlaps and gaps of up to `gap_sec` closed.

    >>> joined([(2.0, 3.0), (0.0, 1.0), (1.2, 2.5)], gap_sec=0.3)
    [(0.0, 3.0)]
    """
    found: list[tuple[float, float]] = []
    for begin, end in sorted(stretches):
        if found and begin - found[-1][1] <= gap_sec + 1e-9:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        elif end > begin:
            found.append((begin, end))
    return found
