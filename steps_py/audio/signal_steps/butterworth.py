"""Band-pass, low-pass and high-pass filters of Butterworth.

Shapes: C channels, N samples of each.

Reference: S. Butterworth, "On the theory of filter amplifiers", Wireless Engineer 7, 1930; as
second-order sections, without which an order of 15 is not stable in floating point.
"""

from dataclasses import dataclass

import numpy as np

from steps_py.audio.signal_steps.registry import SIGNAL_STEPS
from steps_py.errors import AudioError, ConfigError
from steps_py.settings.declare import Count, setting


@SIGNAL_STEPS.register("butterworth")
class Butterworth:
    """A causal filter that leaves the frequencies between two cutoffs, where it has -3 dB.

    >>> step = Butterworth(Butterworth.Config(low_hz=300, high_hz=3400))
    >>> step(np.ones((1, 16000)), 16000, "a.wav")[0, -1].round(3).item()
    0.0
    """

    keeps_length = True

    @dataclass(frozen=True, kw_only=True)
    class Config:
        low_hz: float = setting(0.0, "lower cutoff; 0: a low-pass filter", minimum=0)
        high_hz: float = setting(0.0, "upper cutoff; 0: a high-pass filter", minimum=0)
        order: Count = setting(15, "a band-pass filter has twice as many poles")

        def __post_init__(self):
            if (not self.low_hz and not self.high_hz) or 0 < self.high_hz <= self.low_hz:
                raise ConfigError(
                    f"signal step 'butterworth': low_hz is {self.low_hz:g} and high_hz is"
                    f" {self.high_hz:g}. Give one of them, or two that rise."
                )

    def __init__(self, config: Config):
        self.config, self._sections = config, {}

    def __call__(self, samples_CN: np.ndarray, rate_hz: float, name: str) -> np.ndarray:
        from scipy.signal import sosfilt  # start-up time

        if rate_hz not in self._sections:
            self._sections[rate_hz] = self._design(rate_hz, name)
        return sosfilt(self._sections[rate_hz], np.asarray(samples_CN, np.float64), axis=1)

    def _design(self, rate_hz, name):
        from scipy.signal import butter  # start-up time

        low_hz, high_hz = self.config.low_hz, self.config.high_hz
        cutoffs = {"highpass": low_hz, "lowpass": high_hz}
        kind = "lowpass" if not low_hz else "highpass" if not high_hz else "bandpass"
        if max(low_hz, high_hz) >= rate_hz / 2:
            raise AudioError(
                f"{name}: has {rate_hz:g} Hz, but the cutoffs of signal step 'butterworth' are"
                f" {low_hz:g} and {high_hz:g} Hz. Choose cutoffs below half the sample rate."
            )
        return butter(
            self.config.order, cutoffs.get(kind, (low_hz, high_hz)), kind, fs=rate_hz, output="sos"
        )
