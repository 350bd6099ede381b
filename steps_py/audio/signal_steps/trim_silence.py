"""Removal of the quiet ends of a recording.

Shapes: C channels, N samples of each.

Reference: C. Li et al., "Deep Speaker: an end-to-end neural speaker embedding system",
arXiv:1705.02304, 2017, in the implementation by P. Remy.
"""

from dataclasses import dataclass

import numpy as np

from steps_py.audio.signal_steps.registry import SIGNAL_STEPS
from steps_py.settings.declare import setting


@SIGNAL_STEPS.register("trim_silence")
class TrimSilence:
    """Keeps what is from the first to the last loud sample of the first channel.

    A sample is loud if its magnitude exceeds a percentile of all magnitudes. A recording without
    such a sample, as digital silence, stays whole.

    >>> step = TrimSilence(TrimSilence.Config(percentile=50))
    >>> step(np.array([[0, 0, 9, 0, 8, 0]]), 16000, "a.wav").tolist()
    [[9, 0, 8]]
    """

    keeps_length = False

    @dataclass(frozen=True, kw_only=True)
    class Config:
        percentile: float = setting(
            95.0, "of the magnitudes of the samples", minimum=0, exclusiveMaximum=100
        )

    def __init__(self, config: Config):
        self.percentile = config.percentile

    def __call__(self, samples_CN: np.ndarray, rate_hz: float, name: str) -> np.ndarray:
        magnitude_N = np.abs(samples_CN[0])
        loud = np.flatnonzero(magnitude_N > np.percentile(magnitude_N, self.percentile))
        return samples_CN[:, loud[0] : loud[-1] + 1] if len(loud) else samples_CN
