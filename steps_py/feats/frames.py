"""Utterance -> windowed frames -> spectra, a block of frames at a time.

Shapes: N samples of an utterance, T its frames, B frames of one block, L samples of a
frame, F = P/2 + 1 frequencies of the transform of P (padded) samples.

All steps are in Kaldi's order and in float32 (src/feat/feature-window.cc), so results agree to
rounding. Blocks fit into the cache and bound the memory for long recordings.
"""

import math
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from steps_py.errors import ConfigError, did_you_mean
from steps_py.fourier.fft import rfft
from steps_py.fourier.kaldi_rounding.mixed_radix import rfft_of_any_length_like_kaldi
from steps_py.fourier.kaldi_rounding.split_radix import rfft_like_kaldi

BLOCK_FRAMES = 128
EPSILON = np.finfo(np.float32).eps  # Kaldi's floor under every logarithm


@dataclass(frozen=True, kw_only=True)
class FrameConfig:
    """How an utterance is cut into frames.  Defaults are Kaldi's.

    `dither` is the standard deviation of the added noise, in units of one 16-bit step.
    With `snip_edges` only frames that lie within the utterance are used; otherwise there is one
    frame per shift, and the ends are mirrored.
    """

    sample_rate_hz: float = 16000.0
    frame_length_ms: float = 25.0
    frame_shift_ms: float = 10.0
    dither: float = 1.0
    preemphasis: float = 0.97
    remove_dc_offset: bool = True
    window: str = "povey"
    blackman_coeff: float = 0.42
    round_to_power_of_two: bool = True
    snip_edges: bool = True

    def __post_init__(self):
        if self.length_samples < 2 or self.shift_samples < 1:
            raise ConfigError(
                f"frames: {self.frame_length_ms} ms every {self.frame_shift_ms} ms at"
                f" {self.sample_rate_hz} Hz is {self.length_samples} samples every"
                f" {self.shift_samples}. Lengthen them."
            )
        if not 0 <= self.preemphasis <= 1:
            raise ConfigError(f"frames: pre-emphasis is {self.preemphasis}. Choose 0 to 1.")
        if self.padded_samples % 2:
            raise ConfigError(
                f"frames: a window of {self.padded_samples} samples is odd. Round it to a power"
                " of two or choose an even length."
            )
        if self.window not in WINDOWS:
            raise ConfigError(
                f"frames: unknown window type '{self.window}'. {did_you_mean(self.window, WINDOWS)}"
            )

    def _samples(self, duration_ms):
        # In Kaldi the rate and the duration are floats, their product is a double.
        return int(float(np.float32(self.sample_rate_hz)) * 0.001 * float(np.float32(duration_ms)))

    @property
    def length_samples(self) -> int:
        return self._samples(self.frame_length_ms)

    @property
    def shift_samples(self) -> int:
        return self._samples(self.frame_shift_ms)

    @property
    def padded_samples(self) -> int:
        """Length of the Fourier transform."""
        length = self.length_samples
        return 1 << (length - 1).bit_length() if self.round_to_power_of_two else length


def _cosine(length):
    return np.cos(2 * np.pi * np.arange(length) / (length - 1))


def _blackman(length, coeff):
    double = np.cos(4 * np.pi * np.arange(length) / (length - 1))
    coeff = float(np.float32(coeff))
    return coeff - 0.5 * _cosine(length) + (0.5 - coeff) * double


WINDOWS = {
    "povey": lambda length, coeff: np.maximum(0.5 - 0.5 * _cosine(length), 0) ** 0.85,
    "hamming": lambda length, coeff: 0.54 - 0.46 * _cosine(length),
    "hanning": lambda length, coeff: 0.5 - 0.5 * _cosine(length),
    "sine": lambda length, coeff: np.sin(np.pi * np.arange(length) / (length - 1)),
    "rectangular": lambda length, coeff: np.ones(length),
    "blackman": _blackman,
}


def window_function(config: FrameConfig) -> np.ndarray:
    """The window (L,), float32.

    >>> window_function(FrameConfig(window="hanning"))[[0, 399]].tolist()
    [0.0, 0.0]
    """
    return WINDOWS[config.window](config.length_samples, config.blackman_coeff).astype(np.float32)


def num_frames(num_samples: int, config: FrameConfig) -> int:
    """Frames of an utterance of `num_samples`.

    >>> num_frames(16000, FrameConfig()), num_frames(16000, FrameConfig(snip_edges=False))
    (98, 100)
    """
    if not config.snip_edges:
        return (num_samples + config.shift_samples // 2) // config.shift_samples
    if num_samples < config.length_samples:
        return 0
    return 1 + (num_samples - config.length_samples) // config.shift_samples


def frame_view(samples_N: np.ndarray, config: FrameConfig) -> np.ndarray:
    """The frames (T, L) of an utterance, without any processing; overlapping, read-only."""
    count = num_frames(len(samples_N), config)
    length, shift = config.length_samples, config.shift_samples
    if not config.snip_edges:
        samples_N = _mirror(
            samples_N,
            before=length // 2 - shift // 2,
            after=shift // 2 - length // 2 + (count - 1) * shift + length - len(samples_N),
        )
    if count == 0:
        return np.empty((0, length), np.float32)
    return sliding_window_view(samples_N, length)[::shift][:count]


def _mirror(samples_N, before, after):
    """Pad by `before` and `after` samples, mirrored with the end samples repeated."""
    if len(samples_N) == 0:
        return samples_N
    samples_N = samples_N[max(0, -before) :]
    before, after = max(0, before), max(0, after)
    if max(before, after) > len(samples_N):  # mirrored more than once
        return np.pad(samples_N, (before, after), mode="symmetric")
    left = samples_N[:before][::-1]
    right = samples_N[len(samples_N) - after :][::-1]
    return np.concatenate((left, samples_N, right))


class Dither:
    """Gaussian noise for frames, fast, and determined by the samples of the utterance.

    Each frame gets a slice of one table of normal numbers. Its start is drawn by a generator
    that is seeded by the utterance's samples, so neither the order of utterances nor the number
    of jobs changes a feature.
    """

    TABLE_SIZE = 1 << 18

    def __init__(self, length: int, amount: float):
        rng = np.random.default_rng(0)
        table = rng.standard_normal(self.TABLE_SIZE, dtype=np.float32)
        table *= np.float32(amount) / table.std()
        self.stretches = sliding_window_view(table, length)
        self.rng = None

    def seed(self, samples_N: np.ndarray) -> None:
        self.rng = np.random.Generator(np.random.SFC64(zlib.crc32(np.ascontiguousarray(samples_N))))

    def draw(self, count: int) -> np.ndarray:
        """Noise (count, L)."""
        return self.stretches[self.rng.integers(len(self.stretches), size=count)]


class FrameSpectra:
    """Spectra of utterances; its buffers are reused.

    `energy` chooses the log energy of frames: "raw" (before pre-emphasis and window),
    "windowed" (after them) or None.
    """

    def __init__(self, config: FrameConfig, energy: str | None = None):
        assert energy in ("raw", "windowed", None)
        self.config = config
        self.energy = energy
        self.window_L = window_function(config)
        self.dither = Dither(config.length_samples, config.dither) if config.dither else None
        padded = config.padded_samples
        self._padded_BP = np.zeros((BLOCK_FRAMES, padded), np.float32)
        self._work_BL = np.empty((BLOCK_FRAMES, config.length_samples), np.float32)
        self._spec_BF = np.empty((BLOCK_FRAMES, padded // 2 + 1), np.complex64)

    def blocks(
        self, samples_N: np.ndarray, exact: bool = False, only: np.ndarray | None = None
    ) -> Iterator[tuple]:
        """Yield (rows, spec_BF complex64, power_B, log_energy_B or None) for successive frames.

        `rows` are the frame numbers, a slice, or an array of some of those in `only`;
        `power_B` is the mean over the frequencies.  The spectra are overwritten by the next
        block. With `exact`, Kaldi's own rounding is used, which is slower (see split_radix.py).
        """
        samples_N = np.ascontiguousarray(samples_N, np.float32)
        frames_TL = frame_view(samples_N, self.config)
        if self.dither:
            self.dither.seed(samples_N)
        total = len(frames_TL) if only is None else len(only)
        for start in range(0, total, BLOCK_FRAMES):
            rows = slice(start, min(start + BLOCK_FRAMES, total))
            rows = rows if only is None else only[rows]
            block_BL = frames_TL[rows]
            count, length = block_BL.shape
            frames_BL = self._padded_BP[:count, :length]
            np.copyto(frames_BL, block_BL)
            power_B, log_energy_B = self._process(frames_BL, exact)
            yield rows, self._transform(self._padded_BP[:count], exact), power_B, log_energy_B

    def _transform(self, padded_BP, exact):
        size = padded_BP.shape[1]
        if size & (size - 1):  # Kaldi's transform of such lengths is accurate to five digits only
            return rfft_of_any_length_like_kaldi(padded_BP)
        if exact and size >= 8:
            return rfft_like_kaldi(padded_BP)
        return rfft(padded_BP, out=self._spec_BF[: len(padded_BP)])

    def _process(self, x_BL, exact):
        """Dither, DC removal, pre-emphasis and window, in place; returns power and log energy."""
        if self.dither:
            x_BL += self.dither.draw(len(x_BL))
        if self.config.remove_dc_offset:
            x_BL -= _mean_like_kaldi(x_BL) if exact else x_BL.mean(axis=1, keepdims=True)
        raw_power_B = _power(x_BL) if self.energy == "raw" else None
        if self.config.preemphasis:
            coeff = np.float32(self.config.preemphasis)
            previous = self._work_BL[: len(x_BL), 1:]
            np.multiply(x_BL[:, :-1], coeff, out=previous)
            x_BL[:, 0] -= coeff * x_BL[:, 0]
            x_BL[:, 1:] -= previous
        x_BL *= self.window_L
        power_B = _power(x_BL)
        if self.energy is None:
            return power_B, None
        energy_B = power_B if self.energy == "windowed" else raw_power_B
        return power_B, np.log(np.maximum(energy_B, EPSILON))


def _mean_like_kaldi(x_BL):
    """Means (B, 1); sums beyond 2^24 are rounded as by the BLAS that Kaldi calls."""
    sum_B = np.float32(0)
    for first in (0, 1):  # one sum of every other sample, one of the rest
        sum_B = sum_B + np.add.accumulate(x_BL[:, first::2], axis=1)[:, -1]
    return (sum_B / np.float32(x_BL.shape[1]))[:, None]


def _power(x_BL):
    return np.einsum("bl,bl->b", x_BL, x_BL)


def floor_energy(log_energy_B: np.ndarray, energy_floor: float) -> np.ndarray:
    """Log energies not below the log of `energy_floor`; 0 means no floor."""
    if energy_floor <= 0:
        return log_energy_B
    return np.maximum(log_energy_B, np.float32(math.log(energy_floor)))
