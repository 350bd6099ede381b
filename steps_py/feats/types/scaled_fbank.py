"""Energies of triangular filters that are equally spaced on a chosen scale of frequency.

Kaldi's type, fbank, has the mel scale only.

Shapes: N samples, T frames, M filters, F frequencies of the transform.

Reference of "amel", the mel scale from half the sample rate downwards, whose filters are narrow
where those of the mel scale are wide: the code of W. Yang, SpeakerVerification-pytorch.
"""

import functools
from dataclasses import dataclass, field

import numpy as np

from steps_py.errors import ConfigError, did_you_mean
from steps_py.feats.feature_options import FrameOptions, OutputOptions, config_by_options
from steps_py.feats.frames import EPSILON, FrameConfig, FrameSpectra, num_frames
from steps_py.feats.types.registry import FEATURES
from steps_py.formats.options import option


def _mel(freq_hz, nyquist_hz):
    return 1127 * np.log1p(freq_hz / 700)


SCALES = {  # name -> increasing function of (frequency, half the sample rate), both in Hz
    "linear": lambda freq_hz, nyquist_hz: freq_hz,
    "mel": _mel,
    "amel": lambda freq_hz, nyquist_hz: -_mel(nyquist_hz - freq_hz, nyquist_hz),
}


@dataclass
class ScaledFbankOptions(FrameOptions, OutputOptions):
    scale: str = option("linear", 'Scale of frequency ("linear"|"mel"|"amel")')
    num_bins: int = option(40, "Number of triangular filters")
    low_freq: float = option(0.0, "Low cutoff frequency in Hz")
    high_freq: float = option(0.0, "High cutoff frequency in Hz (if <= 0, offset from Nyquist)")
    use_log: bool = option(True, "If true, the natural logarithm of the energies.")
    use_power: bool = option(True, "If true, use power, else use magnitude.")


@dataclass(frozen=True, kw_only=True)
class ScaledFbankConfig:
    """Filters between two cutoffs; `high_freq` of 0 or less counts from half the rate downwards."""

    frames: FrameConfig = field(default_factory=FrameConfig)
    scale: str = "linear"
    num_bins: int = 40
    low_freq: float = 0.0
    high_freq: float = 0.0
    use_log: bool = True
    use_power: bool = True


def scaled_filters(config: ScaledFbankConfig) -> np.ndarray:
    """Weights (F, M) float32: triangles on the scale, each from one centre to the next but one.

    Raises ConfigError for an unknown scale, cutoffs out of order, or a filter without a frequency.

    >>> frames = FrameConfig(sample_rate_hz=16, frame_length_ms=1000, frame_shift_ms=500)
    >>> scaled_filters(ScaledFbankConfig(frames=frames, num_bins=3)).T
    array([[0. , 0.5, 1. , 0.5, 0. , 0. , 0. , 0. , 0. ],
           [0. , 0. , 0. , 0.5, 1. , 0.5, 0. , 0. , 0. ],
           [0. , 0. , 0. , 0. , 0. , 0.5, 1. , 0.5, 0. ]], dtype=float32)
    """
    if config.scale not in SCALES:
        raise ConfigError(
            f"scaled_fbank: unknown scale '{config.scale}'. {did_you_mean(config.scale, SCALES)}"
        )
    nyquist_hz = config.frames.sample_rate_hz / 2
    low, high = config.low_freq, config.high_freq
    high = high if high > 0 else nyquist_hz + high
    if config.num_bins < 1 or not 0 <= low < high <= nyquist_hz:
        raise ConfigError(
            f"scaled_fbank: {config.num_bins} filters from {low:g} to {high:g} Hz. Use one or more,"
            f" between cutoffs that rise from 0 to half the sample rate, {nyquist_hz:g} Hz."
        )
    scale, num_freqs = SCALES[config.scale], config.frames.padded_samples // 2 + 1
    edges = np.linspace(scale(low, nyquist_hz), scale(high, nyquist_hz), config.num_bins + 2)
    at_F1 = scale(np.linspace(0, nyquist_hz, num_freqs), nyquist_hz)[:, None]
    left_M, centre_M, right_M = edges[:-2], edges[1:-1], edges[2:]
    rising_FM, falling_FM = (
        (at_F1 - left_M) / (centre_M - left_M),
        (right_M - at_F1) / (right_M - centre_M),
    )
    weights_FM = np.maximum(np.minimum(rising_FM, falling_FM), 0)
    empty = np.flatnonzero(weights_FM.max(axis=0) <= 0)
    if len(empty):
        raise ConfigError(
            f"scaled_fbank: filter {empty[0]} of {config.num_bins} lies between two frequencies of"
            f" the transform, {nyquist_hz / (num_freqs - 1):g} Hz apart. Lower --num-bins."
        )
    return weights_FM.astype(np.float32)


@FEATURES.register("scaled_fbank")
class ScaledFbank:
    """Extractor of filter energies (T, M) on the linear, the mel or the reversed mel scale.

    >>> fbank = ScaledFbank(ScaledFbankConfig(frames=FrameConfig(dither=0), num_bins=24))
    >>> fbank.compute(np.zeros(16000)).shape
    (98, 24)
    """

    Config, Options = ScaledFbankConfig, ScaledFbankOptions
    config_of = functools.partial(config_by_options, ScaledFbankConfig)
    on_device = False

    def __init__(self, config: ScaledFbankConfig):
        self.config = config
        self.dim = config.num_bins
        self.spectra = FrameSpectra(config.frames)
        self.weights_FM = scaled_filters(config)

    @property
    def frequencies_hz(self) -> np.ndarray:
        """Where each filter weighs most, (M,), to the spacing of the transform."""
        place_M = self.weights_FM.argmax(axis=0)
        return place_M * self.config.frames.sample_rate_hz / self.config.frames.padded_samples

    def compute(self, samples_N: np.ndarray) -> np.ndarray:
        """Features float32 of samples at the configured rate."""
        feats_TM = np.empty((num_frames(len(samples_N), self.config.frames), self.dim), np.float32)
        for rows, spec_BF, _, _ in self.spectra.blocks(samples_N):
            magnitude_BF = np.abs(spec_BF)
            if self.config.use_power:
                magnitude_BF *= magnitude_BF
            np.matmul(magnitude_BF, self.weights_FM, out=feats_TM[rows])
        if self.config.use_log:
            np.log(np.maximum(feats_TM, EPSILON, out=feats_TM), out=feats_TM)
        return feats_TM
