"""Rooms and noise: what wav-reverberate does to one channel (src/featbin/wav-reverberate.cc).

Shapes: N samples of the input, H of the impulse response, R = N + H - 1 of both together.
All in float32, in the units of 16-bit audio; an impulse response, too, is divided by
32768 here only.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from steps_py.audio.wave import samples_in
from steps_py.errors import AudioError
from steps_py.fourier.fft import irfft, rfft
from steps_py.fourier.kaldi_rounding.split_radix import drifting_roots

EARLY_BEFORE_SEC, EARLY_AFTER_SEC = np.float32(0.001), np.float32(0.05)
EPSILON = np.finfo(np.float32).eps


@dataclass(frozen=True, kw_only=True)
class ReverbConfig:
    """How the corrupted signal is made ready for output.

    `duration_sec` of 0 keeps the length; `volume` of 0 leaves the level to
    `normalize_output`, which restores the power of the input.
    """

    shift_output: bool = True
    normalize_output: bool = True
    duration_sec: float = 0.0
    volume: float = 0.0


@dataclass(frozen=True)
class Noise:
    """A signal to be added from `start_sec` on, `snr_db` below the early speech."""

    samples: Any
    snr_db: float
    start_sec: float


def reverberate(
    x_N: np.ndarray,
    rate_hz: float,
    config: ReverbConfig,
    rir_H: np.ndarray | None = None,
    noises: Sequence[Noise] = (),
    rir_rate_hz: float | None = None,
) -> np.ndarray:
    """The input in a room, with noises, at its old level: float32, not yet cut to 16 bits.

    The early reverberation (until 50 ms after the direct path) counts as the speech that
    signal-to-noise ratios refer to.  Noises are not repeated, and do not lengthen the
    signal.  When the output is longer than the input, the input's length of signal is
    repeated, which (as in Kaldi) hides the reverberant tail of shift_output=False.

    >>> reverberate(np.float32([1, 2, 3]), 1, ReverbConfig(duration_sec=5)).tolist()
    [1.0, 2.0, 3.0, 1.0, 2.0]
    """
    x_N = np.asarray(x_N, np.float32)
    num_in, num_rir = len(x_N), 0 if rir_H is None else len(rir_H)
    power_before = speech_power = _power(x_N)
    shift = 0
    y_R = x_N
    if rir_H is not None:
        rir_H = np.float32(1 / 32768) * rir_H
        peak = int(np.argmax(rir_H))
        if noises:
            early_H = rir_H[_early_part(peak, num_rir, rir_rate_hz or rate_hz)]
            speech_power = _power(convolve(x_N, early_H))
        y_R = convolve(x_N, rir_H)
        if config.shift_output:
            shift = peak
    for noise in noises:
        if y_R is x_N:
            y_R = x_N.copy()
        _add(y_R, noise, rate_hz, speech_power)
    gain = _gain(power_before, y_R, config)
    if gain is not None:
        y_R = y_R * gain
    if config.duration_sec > 0:
        num_out = samples_in(config.duration_sec, rate_hz)
    else:
        num_out = num_in if config.shift_output else num_in + num_rir - 1
    if num_out <= num_in:
        return y_R[shift : shift + num_out]
    return np.resize(y_R[shift : shift + num_in], num_out)


def _power(x_N):
    return np.float32(np.dot(x_N, x_N) / np.float32(max(1, len(x_N))))


def _early_part(peak, num_rir, rate_hz):
    """The slice of an impulse response from 1 ms before to 50 ms after its peak."""
    start = int(np.float32(peak) - EARLY_BEFORE_SEC * np.float32(rate_hz))
    end = int(np.float32(peak) + EARLY_AFTER_SEC * np.float32(rate_hz))
    return slice(max(0, start), min(end, num_rir))


def _add(y_R, noise, rate_hz, speech_power):
    """Add a noise in place, scaled by the power of all of it."""
    power = _power(noise.samples) + EPSILON
    scale = np.sqrt(np.power(10.0, -noise.snr_db / 10) * speech_power / power)
    start = samples_in(noise.start_sec, rate_hz)
    if start < 0:
        raise AudioError(f"reverberate: a noise starts at {noise.start_sec} s. Start it at 0.")
    stretch = y_R[start : start + len(noise.samples)]
    stretch += np.float32(scale) * noise.samples[: len(stretch)]


def _gain(power_before, y_R, config):
    """The factor of the output, None if it is 1; silence stays silence."""
    if config.volume > 0:
        return np.float32(config.volume)
    power_after = _power(y_R) if config.normalize_output else power_before
    if power_after == power_before or power_after <= 0:
        return None
    return np.float32(np.sqrt(power_before / power_after))


def convolve(x_N: np.ndarray, h_H: np.ndarray) -> np.ndarray:
    """The full convolution (N + H - 1,) of a signal with a filter, by overlapping blocks.

    Source: FFTbasedBlockConvolveSignals in src/feat/signal.cc, with its two slips: the two
    real ends of a spectrum, kept side by side, are multiplied like one complex number, which
    adds a weak tone at half the sample rate to every block; and the roots of unity of long
    transforms drift, see `_drift`.  Published results are made of such signals, so ours must
    be, too; hence also its sizes of transforms and blocks.

    >>> convolve(np.float32([1, 2, 0, -2]), np.float32([1])).round(5).tolist()
    [1.0, 1.5, 0.0, -2.5]
    """
    size = 1 << (4 * len(h_H) - 1).bit_length()
    step = size - len(h_H) + 1
    num_blocks = -(-len(x_N) // step)
    blocks = _scratch("blocks", (num_blocks, size), np.float32)
    whole = (num_blocks - 1) * step
    blocks[:-1, :step] = x_N[:whole].reshape(-1, step)
    blocks[:-1, step:] = 0
    blocks[-1, : len(x_N) - whole] = x_N[whole:]
    blocks[-1, len(x_N) - whole :] = 0
    padded_filter = np.zeros((1, size), np.float32)
    padded_filter[0, : len(h_H)] = h_H
    filter_spec = rfft(padded_filter)
    spec = rfft(blocks, out=_scratch("spec", (num_blocks, size // 2 + 1), np.complex64))
    for true_spec in (spec, filter_spec):
        _let_drift(true_spec, _drift(size))
    _multiply(spec, filter_spec[0])
    _let_drift(spec, _drift(size).conj())
    pieces = irfft(spec, size, out=blocks)
    return _joined(pieces, step)[: len(x_N) + len(h_H) - 1]


def _multiply(spec, filter_spec):
    """Kaldi's product of spectra, in place."""
    low, high = spec[:, 0].real.copy(), spec[:, -1].real.copy()
    np.multiply(spec, filter_spec, out=spec)
    filter_low, filter_high = filter_spec[0].real, filter_spec[-1].real
    spec[:, 0] = low * filter_low - high * filter_high
    spec[:, -1] = low * filter_high + high * filter_low


@cache
def _drift(size):
    """Half of what is wrong (size/4 - 1,) with Kaldi's roots of unity, relative to each.

    A step or more of 16-bit audio for rooms longer than a quarter second.
    """
    true = np.exp(-2j * np.pi / size * np.arange(1, size // 4))
    return (0.5 * (drifting_roots(size)[:-1] / true - 1)).astype(np.complex64)


def _let_drift(spec, drift):
    """True spectra of real signals to those made with drifting roots, in place.

    The transform of the odd samples, turned by a root, is half the difference of near[k]
    and the conjugate of far[k].
    """
    near, far = spec[:, 1 : len(drift) + 1], spec[:, -2 : -len(drift) - 2 : -1]
    change = np.conj(far)
    np.subtract(near, change, out=change)
    change *= drift
    near += change
    far -= np.conj(change, out=change)


def _joined(pieces, step):
    """Blocks, each `step` after the one before, added where they overlap."""
    num_blocks, size = pieces.shape
    overlap = size - step
    out = np.empty(num_blocks * step + overlap, np.float32)
    out[: num_blocks * step].reshape(num_blocks, step)[:] = pieces[:, :step]
    out[num_blocks * step :] = pieces[-1, step:]
    out[step : num_blocks * step].reshape(-1, step)[:, :overlap] += pieces[:-1, step:]
    return out


_memory = {}


def _scratch(name, shape, dtype):
    """An array that the next call will use again: fresh memory costs more than a transform."""
    size = shape[0] * shape[1]
    if name not in _memory or _memory[name].size < size:
        _memory[name] = np.empty(size, dtype)
    return _memory[name][:size].reshape(shape)
