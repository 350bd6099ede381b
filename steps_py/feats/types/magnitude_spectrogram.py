"""Spectra of all frequencies, of magnitudes or powers, with or without a logarithm.

Kaldi's type, spectrogram, has the log energy of the frame in place of the first frequency and
log powers only.

Shapes: N samples, T frames, P samples of the padded frame, F = P/2 + 1 frequencies.
"""

import functools
from dataclasses import dataclass, field

import numpy as np

from steps_py.feats.feature_options import FrameOptions, OutputOptions, config_by_options
from steps_py.feats.frames import EPSILON, FrameConfig, FrameSpectra, num_frames
from steps_py.feats.types.registry import FEATURES
from steps_py.formats.options import option


@dataclass
class MagnitudeSpectrogramOptions(FrameOptions, OutputOptions):
    use_power: bool = option(False, "If true, squared magnitudes.")
    use_log: bool = option(False, "If true, their natural logarithm.")


@dataclass(frozen=True, kw_only=True)
class MagnitudeSpectrogramConfig:
    """Samples are in the units of 16-bit audio."""

    frames: FrameConfig = field(default_factory=FrameConfig)
    use_power: bool = False
    use_log: bool = False


@FEATURES.register("magnitude_spectrogram")
class MagnitudeSpectrogram:
    """Extractor of magnitudes (T, F) of all frequencies, 0 and half the sample rate included.

    >>> spectrogram = MagnitudeSpectrogram(
    ...     MagnitudeSpectrogramConfig(
    ...         frames=FrameConfig(frame_length_ms=20, round_to_power_of_two=False, dither=0)
    ...     )
    ... )
    >>> spectrogram.compute(np.zeros(16000)).shape
    (99, 161)
    """

    Config, Options = MagnitudeSpectrogramConfig, MagnitudeSpectrogramOptions
    config_of = functools.partial(config_by_options, MagnitudeSpectrogramConfig)
    on_device = False

    def __init__(self, config: MagnitudeSpectrogramConfig):
        self.config = config
        self.dim = config.frames.padded_samples // 2 + 1
        self.spectra = FrameSpectra(config.frames)

    @property
    def frequencies_hz(self) -> np.ndarray:
        """The frequency of each dimension, (F,)."""
        return np.linspace(0, self.config.frames.sample_rate_hz / 2, self.dim)

    def compute(self, samples_N: np.ndarray) -> np.ndarray:
        """Features float32 of samples at the configured rate."""
        feats_TF = np.empty((num_frames(len(samples_N), self.config.frames), self.dim), np.float32)
        for rows, spec_BF, _, _ in self.spectra.blocks(samples_N):
            np.abs(spec_BF, out=feats_TF[rows])
        if self.config.use_power:
            np.square(feats_TF, out=feats_TF)
        if self.config.use_log:
            np.log(np.maximum(feats_TF, EPSILON, out=feats_TF), out=feats_TF)
        return feats_TF
