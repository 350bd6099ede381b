"""Subtraction of the power of a steady noise.

Shapes: C channels, N samples of each, F frequencies, T frames.

References: S. F. Boll, "Suppression of acoustic noise in speech using spectral subtraction", IEEE
TASSP 27, 1979; factor and floor: M. Berouti et al., "Enhancement of speech corrupted by acoustic
noise", ICASSP 1979.
"""

from dataclasses import dataclass

import numpy as np

from steps_py.audio.signal_steps.registry import SIGNAL_STEPS
from steps_py.settings.declare import Share, setting


@SIGNAL_STEPS.register("spectral_subtraction")
class SpectralSubtraction:
    """Subtracts a noise power of each frequency; the noise is the mean of the quietest frames.

    Phases stay, and no power falls below a share of what it was. A recording shorter than two
    frames stays as it is.

    >>> step = SpectralSubtraction(SpectralSubtraction.Config())
    >>> step(np.ones((1, 8000)), 16000, "a.wav").shape
    (1, 8000)
    """

    keeps_length = True

    @dataclass(frozen=True, kw_only=True)
    class Config:
        frame_length_ms: float = setting(32.0, "Hann windows, every half of it", exclusiveMinimum=0)
        noise_share: Share = setting(0.1, "of the frames, those with least energy, that are noise")
        factor: float = setting(1.0, "of the noise power that is subtracted", minimum=0)
        floor: Share = setting(0.01, "least share of the power that is left")

    def __init__(self, config: Config):
        self.config = config

    def __call__(self, samples_CN: np.ndarray, rate_hz: float, name: str) -> np.ndarray:
        shift = max(1, round(self.config.frame_length_ms / 2000 * rate_hz))
        if samples_CN.shape[1] < 4 * shift:
            return samples_CN
        return np.stack([self._subtract(x_N, 2 * shift) for x_N in samples_CN])

    def _subtract(self, samples_N, length):
        from scipy.signal import istft, stft  # start-up time

        frames = {"nperseg": length, "window": "hann"}
        *_, spectrum_FT = stft(np.asarray(samples_N, np.float64), **frames)
        power_FT = np.abs(spectrum_FT) ** 2
        num_quiet = max(1, round(self.config.noise_share * power_FT.shape[1]))
        quiet = np.argsort(power_FT.sum(axis=0), kind="stable")[:num_quiet]
        noise_F1 = self.config.factor * power_FT[:, quiet].mean(axis=1, keepdims=True)
        left_FT = 1 - noise_F1 / np.maximum(power_FT, np.finfo(float).tiny)
        gain_FT = np.sqrt(np.maximum(left_FT, self.config.floor))
        _, result_N = istft(spectrum_FT * gain_FT, **frames)
        return result_N[: len(samples_N)]
