"""Pitch and normalised cross-correlation of each frame (src/feat/pitch-functions.cc).

Source: P. Ghahremani et al., "A pitch extraction algorithm tuned for automatic speech recognition",
2014. The recording is resampled to a low rate; of each frame, the correlation with itself at many
lags is measured; a Viterbi search chooses one lag for each frame, near that of the frame before.

Shapes: N samples, T frames, L lags that are measured, S lags that are searched (states).
"""

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from steps_py.audio.resample import SincFilter, resample
from steps_py.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class PitchConfig:
    """Defaults are Kaldi's. `delta_pitch` is the ratio of neighbouring lags minus 1."""

    sample_rate_hz: float = 16000.0
    frame_length_ms: float = 25.0
    frame_shift_ms: float = 10.0
    preemphasis: float = 0.0
    min_f0_hz: float = 50.0
    max_f0_hz: float = 400.0
    soft_min_f0_hz: float = 10.0
    penalty_factor: float = 0.1
    lowpass_cutoff_hz: float = 1000.0
    resample_rate_hz: float = 4000.0
    delta_pitch: float = 0.005
    nccf_ballast: float = 7000.0
    lowpass_filter_width: int = 1
    upsample_filter_width: int = 5
    snip_edges: bool = True

    def __post_init__(self):
        if not 0 < self.min_f0_hz < self.max_f0_hz:
            raise ConfigError(
                f"pitch: from {self.min_f0_hz:g} to {self.max_f0_hz:g} Hz. Use a smaller minimum."
            )
        rate_hz = min(self.sample_rate_hz, self.resample_rate_hz)
        if not 0 < 2 * self.lowpass_cutoff_hz <= rate_hz:
            raise ConfigError(
                f"pitch: a cutoff of {self.lowpass_cutoff_hz:g} Hz at {rate_hz:g} Hz. It must not"
                " be above half of the sample rate or of the rate after resampling."
            )
        if self.delta_pitch <= 0 or self.window_samples < 1 or self.shift_samples < 1:
            raise ConfigError("pitch: frame length, frame shift and delta pitch must be positive.")

    @property
    def window_samples(self) -> int:
        return int(self.resample_rate_hz * self.frame_length_ms / 1000)

    @property
    def shift_samples(self) -> int:
        return int(self.resample_rate_hz * self.frame_shift_ms / 1000)


class PitchTracker:
    """Extractor of (correlation, pitch in Hz).

    >>> tone_N = 1000 * np.sin(2 * np.pi * 200 * np.arange(16000) / 16000)
    >>> PitchTracker(PitchConfig()).compute(tone_N)[50].round().tolist()
    [1.0, 200.0]
    """

    def __init__(self, config: PitchConfig):
        self.config = config
        rate_hz = config.resample_rate_hz
        reach_sec = config.upsample_filter_width / (2.0 * rate_hz)
        self._first_lag = int(np.ceil(rate_hz * (1.0 / config.max_f0_hz - reach_sec)))
        self._last_lag = int(np.floor(rate_hz * (1.0 / config.min_f0_hz + reach_sec)))
        self._lag_sec_S = searched_lags_sec(config)
        self._interpolation_LS = self._interpolation()
        states = np.arange(len(self._lag_sec_S), dtype=np.float32)
        factor = np.float32(np.log(1.0 + config.delta_pitch) ** 2 * config.penalty_factor)
        self._jump_SS = (states - states[:, np.newaxis]) ** 2 * factor

    def _interpolation(self):
        """Weights (L, S) of measured correlations for the searched lags."""
        rate_hz = self.config.resample_rate_hz
        measured_sec_L = np.arange(self._first_lag, self._last_lag + 1) / rate_hz
        sinc = SincFilter(cutoff=1.0, num_zeros=self.config.upsample_filter_width)
        distance_LS = (self._lag_sec_S - measured_sec_L[:, np.newaxis]).astype(np.float32)
        return (sinc(distance_LS, rate_hz / 2) / np.float32(rate_hz)).astype(np.float32)

    def compute(self, samples_N: np.ndarray):
        """(T, 2) float32: correlation from -1 to 1, and pitch in Hz."""
        low_N = self._resampled(samples_N)
        frames_TF = self._frames(low_N)
        if not len(frames_TF):
            return np.zeros((0, 2), np.float32)
        inner_TL, norm_TL = self._correlation(frames_TF)
        energy = float(
            np.mean(low_N.astype(np.float64) ** 2) - np.mean(low_N, dtype="float64") ** 2
        )
        ballast = (energy * self.config.window_samples) ** 2 * self.config.nccf_ballast
        searched_TS = _nccf(inner_TL, norm_TL, ballast) @ self._interpolation_LS
        states_T = self._best_path(searched_TS)
        nccf_TL = _nccf(inner_TL, norm_TL, 0.0)
        nccf_T = np.einsum("tl,lt->t", nccf_TL, self._interpolation_LS[:, states_T])
        return np.stack((nccf_T, 1 / self._lag_sec_S[states_T]), axis=1).astype(np.float32)

    def _resampled(self, samples_N):
        config = self.config
        rates_hz = config.sample_rate_hz, config.resample_rate_hz
        sinc = SincFilter(
            cutoff=2 * config.lowpass_cutoff_hz / min(rates_hz),
            num_zeros=config.lowpass_filter_width,
        )
        return resample(samples_N, *rates_hz, sinc)

    def _frames(self, low_N):
        """Frames with the longest lag behind them, zeros beyond the recording."""
        config = self.config
        window, shift = config.window_samples, config.shift_samples
        length = window + self._last_lag
        if len(low_N) < window:
            return np.zeros((0, length), np.float32)
        if config.snip_edges:
            starts_T = shift * np.arange((len(low_N) - window) // shift + 1)
        else:
            count = int(np.float32(len(low_N)) / np.float32(shift) + np.float32(0.5))
            starts_T = ((np.arange(count) + 0.5) * shift).astype(int) - length // 2
        padded = np.concatenate((np.zeros(length), low_N, np.zeros(length))).astype(np.float32)
        frames_TF = sliding_window_view(padded, length)[starts_T + length].copy()
        if config.preemphasis:
            frames_TF[:, 1:] -= np.float32(config.preemphasis) * frames_TF[:, :-1]
            frames_TF[:, 0] *= np.float32(1 - config.preemphasis)
        return frames_TF - frames_TF[:, :window].mean(axis=1, keepdims=True)

    def _correlation(self, frames_TF):
        """Products of each frame with itself later, and the products of both energies (T, L)."""
        window, lags = self.config.window_samples, slice(self._first_lag, self._last_lag + 1)
        later_TLW = sliding_window_view(frames_TF, window, axis=1)[:, lags]
        inner_TL = np.einsum("tlw,tw->tl", later_TLW, frames_TF[:, :window])
        squares = np.cumsum(frames_TF.astype(np.float64) ** 2, axis=1)
        squares = np.pad(squares, ((0, 0), (1, 0)))
        energy_TF = squares[:, window:] - squares[:, :-window]
        return inner_TL, energy_TF[:, :1] * energy_TF[:, lags]

    def _best_path(self, nccf_TS):
        """The state of each frame (T,) on the path of the least cost."""
        # in the order of Kaldi's sums: where a frame is silent, paths differ by rounding alone
        soft_S = np.float32(self.config.soft_min_f0_hz) * self._lag_sec_S
        local_TS = (1 - nccf_TS) + soft_S * nccf_TS
        before_TS = np.empty(nccf_TS.shape, np.int32)
        cost_S, states_S = np.zeros(nccf_TS.shape[1], np.float32), np.arange(nccf_TS.shape[1])
        for frame, local_S in enumerate(local_TS):
            jumped_SS = self._jump_SS + cost_S
            before_TS[frame] = jumped_SS.argmin(axis=1)
            cost_S = jumped_SS[states_S, before_TS[frame]] + local_S
            cost_S -= cost_S.min()
        path_T = np.empty(len(nccf_TS), np.int64)
        state = int(cost_S.argmin())
        for frame in range(len(nccf_TS) - 1, -1, -1):
            path_T[frame] = state
            state = before_TS[frame, state]
        return path_T


def searched_lags_sec(config: PitchConfig):
    """Lags (S,) float32 from the shortest to the longest, each longer by the same ratio."""
    lag, last = np.float32(1.0 / config.max_f0_hz), np.float32(1.0 / config.min_f0_hz)
    lags = []
    while lag <= last:
        lags.append(lag)
        lag = np.float32(float(lag) * (1.0 + np.float32(config.delta_pitch)))
    return np.array(lags, np.float32)


def _nccf(inner_TL, norm_TL, ballast):
    """Correlations, 0 where a frame or its lag is silent."""
    scale_TL = np.sqrt(norm_TL + ballast)
    quiet_TL = scale_TL <= 0
    return np.where(quiet_TL, 0, inner_TL / np.where(quiet_TL, 1, scale_TL)).astype(np.float32)
