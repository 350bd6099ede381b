"""Triangular filters, equally spaced on the mel scale (src/feat/mel-computations.cc).

Shapes: M filters, F frequencies of the transform, B frames of a block.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from steps_py.errors import ConfigError
from steps_py.fourier.kaldi_rounding.libm import logf

if TYPE_CHECKING:
    from steps_py.feats.frames import FrameConfig

_NUM_GROUPS = 4


@dataclass(frozen=True, kw_only=True)
class MelConfig:
    """Filters between two cutoffs.  Defaults are Kaldi's.

    `high_freq_hz` of 0 or less counts from half the sample rate downwards, so does a
    negative `vtln_high_hz`.
    """

    num_bins: int = 23
    low_freq_hz: float = 20.0
    high_freq_hz: float = 0.0
    vtln_low_hz: float = 100.0
    vtln_high_hz: float = -500.0


def mel(freq_hz: np.ndarray | float) -> np.ndarray | float:
    """Frequency in mel, float32.

    >>> int(mel(np.float32(1000)) + 0.5)
    1000
    """
    return np.float32(1127) * logf(np.float32(1) + np.float32(freq_hz) / np.float32(700))


def inverse_mel(mels):
    """The frequency in Hz of a value in mel."""
    return np.float32(700) * (np.exp(np.float32(mels) / np.float32(1127)) - np.float32(1))


def mel_filters(config: MelConfig, frames: "FrameConfig", vtln_warp: float = 1.0) -> np.ndarray:
    """Weights (F, M) float32 of each frequency in each filter.

    The last frequency, half the sample rate, belongs to no filter.
    Raises ConfigError when cutoffs are out of order or a filter is narrower than the
    spacing of frequencies.
    """
    if config.num_bins < 3:
        raise ConfigError(f"mel filters: {config.num_bins} are too few. Use 3 or more.")
    num_freqs = frames.padded_samples // 2
    edges_mel = _edges_mel(config, frames, vtln_warp)
    left_M, center_M, right_M = edges_mel[:-2], edges_mel[1:-1], edges_mel[2:]
    spacing_hz = np.float32(frames.sample_rate_hz) / np.float32(frames.padded_samples)
    freq_F1 = mel(spacing_hz * np.arange(num_freqs, dtype=np.float32))[:, None]
    rising = (freq_F1 - left_M) / (center_M - left_M)
    falling = (right_M - freq_F1) / (right_M - center_M)
    weights_FM = np.maximum(np.minimum(rising, falling), np.float32(0))
    empty = np.flatnonzero(weights_FM.max(axis=0) <= 0)
    if len(empty):
        raise ConfigError(
            f"mel filters: filter {empty[0]} of {config.num_bins} lies between two frequencies of"
            f" the transform, {spacing_hz:g} Hz apart. Lower the number of filters."
        )
    return np.concatenate((weights_FM, np.zeros((1, config.num_bins), np.float32)))


def _edges_mel(config, frames, vtln_warp):
    """Where filters begin, peak and end: each edge is one of three filters (M + 2,)."""
    low, high = cutoffs(config, frames.sample_rate_hz)
    edges_mel = mel(low) + np.arange(config.num_bins + 2, dtype=np.float32) * (
        (mel(high) - mel(low)) / np.float32(config.num_bins + 1)
    )
    if vtln_warp == 1.0:
        return edges_mel
    return mel(VtlnWarp(config, frames.sample_rate_hz, vtln_warp)(inverse_mel(edges_mel)))


def center_freqs_hz(config, frames, vtln_warp: float = 1.0):
    """The frequency in Hz where each filter peaks (M,) float32."""
    return inverse_mel(_edges_mel(config, frames, vtln_warp)[1:-1])


def cutoffs(config: MelConfig, sample_rate_hz: float) -> tuple[float, float]:
    """The lower and upper cutoff in Hz; ConfigError when they do not fit the sample rate."""
    nyquist = 0.5 * sample_rate_hz
    low = config.low_freq_hz
    high = config.high_freq_hz if config.high_freq_hz > 0 else nyquist + config.high_freq_hz
    if not 0 <= low < high <= nyquist:
        raise ConfigError(
            f"mel filters: the cutoffs {low:g} and {high:g} Hz must rise from 0 to half the sample"
            f" rate, {nyquist:g} Hz. Change the low or high frequency or the sample rate."
        )
    return low, high


class VtlnWarp:
    """Piecewise linear warping of frequencies that keeps both cutoffs.

    Between two inflection points frequencies are divided by the warp factor; outside, the
    lines lead back to the cutoffs.

    >>> warp = VtlnWarp(MelConfig(), 16000, 1.1)
    >>> warp(np.array([20.0, 1100.0, 8000.0])).tolist()
    [20.0, 1000.0, 8000.0]
    """

    def __init__(self, config: MelConfig, sample_rate_hz: float, factor: float):
        low, high = cutoffs(config, sample_rate_hz)
        left, right = config.vtln_low_hz, config.vtln_high_hz
        if right < 0:
            right += 0.5 * sample_rate_hz
        first, last = left * max(1.0, factor), right * min(1.0, factor)
        if not low < left <= first < last <= right < high:
            raise ConfigError(
                f"vtln: the inflection points {left:g} and {right:g} Hz with warp {factor:g} must"
                f" lie between the cutoffs {low:g} and {high:g} Hz. Change vtln-low or vtln-high."
            )
        self.points = [low, first, last, high]
        self.warped = [low, first / factor, last / factor, high]

    def __call__(self, freq_hz):
        inside = np.interp(freq_hz, self.points, self.warped)
        outside = (freq_hz < self.points[0]) | (freq_hz > self.points[-1])
        return np.where(outside, freq_hz, inside)


class MelFilters:
    """Filters applied to spectra; the matrices of each warp factor are cached."""

    def __init__(self, config: MelConfig, frames: "FrameConfig", *, use_power: bool = True):
        self.config = config
        self.frames = frames
        self.use_power = use_power
        self._groups = {}
        self.groups(1.0)  # raises for an invalid configuration before the first utterance

    def groups(self, vtln_warp: float) -> list[tuple[slice, slice, np.ndarray]]:
        """(frequencies, filters, weights) of neighbouring filters: two slices and a matrix.

        Neighbouring filters cover few frequencies: several small products are faster than one of
        all filters with all frequencies.
        """
        if vtln_warp not in self._groups:
            weights_FM = mel_filters(self.config, self.frames, vtln_warp)
            # Real and imaginary parts are adjacent; their squares are summed by the same product
            # that sums over frequencies.
            weights_FM = np.repeat(weights_FM, 2 if self.use_power else 1, axis=0)
            self._groups[vtln_warp] = [
                _group(weights_FM, filters)
                for filters in np.array_split(np.arange(self.config.num_bins), _NUM_GROUPS)
                if len(filters)
            ]
        return self._groups[vtln_warp]

    def apply(
        self, spec_BF: np.ndarray, vtln_warp: float, out: np.ndarray | None = None
    ) -> np.ndarray:
        """Filter energies (B, M) of spectra, in `out` if given; the spectra are overwritten."""
        if self.use_power:
            parts = spec_BF.view(np.float32)
            np.multiply(parts, parts, out=parts)
        else:
            parts = np.abs(spec_BF)
        if out is None:
            out = np.empty((len(parts), self.config.num_bins), np.float32)
        for freqs, filters, weights in self.groups(vtln_warp):
            np.matmul(parts[:, freqs], weights, out=out[:, filters])
        return out


def _group(weights_FM, filters):
    filters = slice(filters[0], filters[-1] + 1)
    used = np.flatnonzero(weights_FM[:, filters].any(axis=1))
    freqs = slice(used[0], used[-1] + 1)
    return freqs, filters, np.ascontiguousarray(weights_FM[freqs, filters])
