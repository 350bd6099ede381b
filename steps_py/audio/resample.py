"""Sample rate conversion by a windowed sinc.

Times repeat after a unit of a few samples: at 44,100 -> 16,000 Hz, 441 samples in give
160 out, with the same weights in every unit.  So the whole signal is one matrix product
of its (overlapping) units with a fixed matrix.

Shapes: N samples in, R samples out, U units, I samples of a unit with its surroundings,
O samples out of a unit.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from steps_py.errors import AudioError

MAX_WEIGHTS = 16_000_000  # 64 MB: rates with almost no common divisor need more


@dataclass(frozen=True, kw_only=True)
class SincFilter:
    """Low-pass filter: cutoff as a fraction of the lower rate's half, zeros on each side.

    `kaiser_beta` of None stands for a raised cosine window.  Products are summed in
    `sums`: rounded sums would fill a band that the filter has emptied.
    """

    cutoff: float
    num_zeros: int
    kaiser_beta: float | None = None
    sums: str = "float32"

    def __call__(self, time_sec, cutoff_hz):
        """Weights at times (seconds, float32) from the centre."""
        x = time_sec * 2.0 * cutoff_hz / self.num_zeros  # -1 .. 1 inside the window
        inside = np.clip(1 - x**2, 0, None)
        if self.kaiser_beta is None:
            window = 0.5 + 0.5 * np.cos(np.pi * x)
        else:
            window = np.i0(self.kaiser_beta * np.sqrt(inside)) / np.i0(self.kaiser_beta)
        window = np.where(inside > 0, window, 0).astype(np.float32)
        return (2 * cutoff_hz * np.sinc(2 * cutoff_hz * time_sec)).astype(np.float32) * window


# What Kaldi's features use to match a rate (ResampleWaveform in src/feat/resample.cc).
KALDI_FILTER = SincFilter(cutoff=0.99, num_zeros=6, sums="float64")
# For a recording that is kept: flat to 95 % of the band, more than 100 dB down beyond it.
FINE_FILTER = SincFilter(cutoff=0.975, num_zeros=130, kaiser_beta=10.06)


def resample(
    samples_N: np.ndarray, rate_in_hz: float, rate_out_hz: float, sinc: SincFilter = KALDI_FILTER
) -> np.ndarray:
    """Samples (R,) float32 at another rate, R = ceil(N * out / in).

    Rates are whole numbers of Hz.  Raises AudioError when the rates share so small a
    divisor that the weights would not fit in memory.

    >>> resample(np.ones(1600), 16000, 8000)[400].round(3).item()
    1.0
    """
    if rate_in_hz == rate_out_hz:
        return np.asarray(samples_N, np.float32)
    weights_IO, reach, step = _unit_weights(int(rate_in_hz), int(rate_out_hz), sinc)
    num_out = -(-len(samples_N) * int(rate_out_hz) // int(rate_in_hz))
    num_units = -(-num_out // weights_IO.shape[1])
    padded = np.zeros((num_units - 1) * step + len(weights_IO), np.float32)
    kept = samples_N[: len(padded) - reach]
    padded[reach : reach + len(kept)] = kept
    units_UI = sliding_window_view(padded, len(weights_IO))[::step]
    sums = units_UI.astype(weights_IO.dtype) @ weights_IO
    return sums.astype(np.float32, copy=False).reshape(-1)[:num_out]


@lru_cache(maxsize=8)
def _unit_weights(rate_in_hz, rate_out_hz, sinc):
    """Weights (I, O) of a unit, the samples it needs before its start, and its step."""
    divisor = math.gcd(rate_in_hz, rate_out_hz)
    step, num_out = rate_in_hz // divisor, rate_out_hz // divisor
    repeat = max(1, 64 // num_out)  # small units together make a faster product
    step, num_out = step * repeat, num_out * repeat
    cutoff_hz = float(np.float32(sinc.cutoff * 0.5 * min(rate_in_hz, rate_out_hz)))
    reach = math.ceil(sinc.num_zeros / (2 * cutoff_hz) * rate_in_hz)
    num_in = step + 2 * reach
    if num_in * num_out > MAX_WEIGHTS:
        raise AudioError(
            f"resampling from {rate_in_hz} to {rate_out_hz} Hz: the rates share only {divisor} Hz."
            " Convert the recording with sox beforehand."
        )
    time_in = (np.arange(num_in) - reach)[:, None] / rate_in_hz
    time_out = np.arange(num_out) / rate_out_hz
    # Kaldi's weights are float32, of times in float32; rounded alike, features of an almost
    # empty band come out alike.
    offset_IO = (time_in - time_out).astype(np.float32).astype(np.float64)
    weights_IO = sinc(offset_IO, cutoff_hz) / np.float32(rate_in_hz)
    return weights_IO.astype(sinc.sums), reach, step
