"""Log power spectra (src/feat/feature-spectrogram.cc).

Shapes: N samples, T frames, P samples of the padded frame, F = P/2 + 1 frequencies.
"""

import functools
from dataclasses import dataclass, field

import numpy as np

from steps_py.feats.feature_options import SpectrogramOptions, config_by_options
from steps_py.feats.frames import EPSILON, FrameConfig, FrameSpectra, floor_energy, num_frames
from steps_py.feats.types.registry import FEATURES


@dataclass(frozen=True, kw_only=True)
class SpectrogramConfig:
    """Defaults are Kaldi's."""

    frames: FrameConfig = field(default_factory=FrameConfig)
    energy_floor: float = 0.0
    raw_energy: bool = True
    return_raw_fft: bool = False


@FEATURES.register("spectrogram")
class Spectrogram:
    """Extractor of log power spectra (T, F); the first frequency is replaced by the log energy.

    With `return_raw_fft`, of the transform itself, (T, P): the real values of the first and last
    frequency, then real and imaginary parts of the others.

    >>> spectrogram = Spectrogram(SpectrogramConfig(frames=FrameConfig(dither=0)))
    >>> spectrogram.compute(np.zeros(16000)).shape
    (98, 257)
    """

    Config, Options = SpectrogramConfig, SpectrogramOptions
    config_of = functools.partial(config_by_options, SpectrogramConfig)
    on_device = False

    def __init__(self, config: SpectrogramConfig):
        self.config = config
        padded = config.frames.padded_samples
        self.dim = padded if config.return_raw_fft else padded // 2 + 1
        self.spectra = FrameSpectra(config.frames, "raw" if config.raw_energy else "windowed")

    @property
    def frequencies_hz(self) -> np.ndarray | None:
        """The frequency of each dimension, (F,), nan for the energy; None for the transform."""
        if self.config.return_raw_fft:
            return None
        rest = np.linspace(0, self.config.frames.sample_rate_hz / 2, self.dim)[1:]
        return np.concatenate([[np.nan], rest])

    def compute(self, samples_N: np.ndarray) -> np.ndarray:
        """Features float32 of samples at the configured rate."""
        count = num_frames(len(samples_N), self.config.frames)
        feats_TD = np.empty((count, self.dim), np.float32)
        for rows, spec_BF, _, log_energy_B in self.spectra.blocks(samples_N, exact=True):
            if self.config.return_raw_fft:
                feats_TD[rows, 0] = spec_BF[:, 0].real
                feats_TD[rows, 1] = spec_BF[:, -1].real
                feats_TD[rows, 2:] = spec_BF[:, 1:-1].view(np.float32)
                continue
            power_BF = spec_BF.real**2 + spec_BF.imag**2
            np.log(np.maximum(power_BF, EPSILON), out=feats_TD[rows])
            feats_TD[rows, 0] = floor_energy(log_energy_B, self.config.energy_floor)
        return feats_TD
