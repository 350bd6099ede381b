"""The voice of one recording: its x-vector, and how much speech it is of."""

from dataclasses import dataclass

import numpy as np

SHORT_SPEECH_SEC = 2.0  # with less, error rates of all systems rise steeply
CLIPPED_SHARE = 1e-3
_CLIP = 32766.0


@dataclass(frozen=True)
class Voice:
    """What `System.voice` computes of a recording.

    Attributes
    ----------
    name : str
        The file, or what stands for samples in memory.
    xvector_E : float32 array
    speech_sec, duration_sec : float
        Seconds of voiced frames, and of all.
    clipped_share : float
        Share of samples at full scale, 0 to 1.
    """

    name: str
    xvector_E: np.ndarray
    speech_sec: float
    duration_sec: float
    clipped_share: float

    @property
    def warnings(self) -> list[str]:
        """What makes a result with this voice less certain, one line each."""
        found = []
        if self.speech_sec < SHORT_SPEECH_SEC:
            found.append(
                f"{self.name}: {self.speech_sec:.1f} s of speech; below {SHORT_SPEECH_SEC:g} s"
                " results are much less certain"
            )
        if self.clipped_share > CLIPPED_SHARE:
            found.append(
                f"{self.name}: {100 * self.clipped_share:.2g} % of the samples are clipped; record"
                " at a lower level"
            )
        return found


def clipped_share_of(samples_CN: np.ndarray) -> float:
    """The share of samples at full scale of 16-bit audio.

    >>> clipped_share_of(np.array([[0.0, 32767.0, -32768.0, 5.0]]))
    0.5
    """
    return float(np.mean(np.abs(samples_CN) >= _CLIP)) if samples_CN.size else 0.0
