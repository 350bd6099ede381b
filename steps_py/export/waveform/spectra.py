"""Frames of samples and their spectra, in double precision.

The same steps as `steps_py.feats.frames`, without dither.  Indices of samples are computed by the
module, so that a graph of it holds for any number of samples.

Shape suffixes (scope: this module):
    N = samples   T = frames   L = samples of a frame   F = frequencies   M = filters
"""

import math

import numpy as np
import torch
from torch import nn

from steps_py.feats.frames import EPSILON, FrameConfig, window_function


class Framing(nn.Module):
    """Samples (N,) to frames (T, L), overlapping.

    >>> Framing(FrameConfig(snip_edges=False))(torch.zeros(16000)).shape
    torch.Size([100, 400])
    """

    def __init__(self, config: FrameConfig):
        super().__init__()
        self.length, self.shift = config.length_samples, config.shift_samples
        self.snip_edges = config.snip_edges

    def forward(self, samples_N):
        num_samples = samples_N.shape[0]
        if self.snip_edges:
            count, start = 1 + (num_samples - self.length) // self.shift, 0
        else:
            count = (num_samples + self.shift // 2) // self.shift
            start = self.shift // 2 - self.length // 2
        index_TL = torch.arange(count)[:, None] * self.shift + torch.arange(self.length) + start
        if not self.snip_edges:  # the ends are mirrored, with their first and last sample repeated
            index_TL = torch.where(index_TL < 0, -1 - index_TL, index_TL)
            index_TL = torch.where(
                index_TL >= num_samples, 2 * num_samples - 1 - index_TL, index_TL
            )
        return samples_N[index_TL]


class Spectra(nn.Module):
    """Samples (N,) to the squared magnitudes (T, F) of frames, and their log energies (T,).

    The transform is a product with a matrix, which every runtime computes.
    `energy` is "raw", of frames before pre-emphasis and window, or "windowed".
    """

    def __init__(self, config: FrameConfig, energy: str = "raw", energy_floor: float = 0.0):
        super().__init__()
        self.framing, self.config, self.energy = Framing(config), config, energy
        self.least_energy = math.log(energy_floor) if energy_floor > 0 else None
        place_L, freq_F = np.arange(config.length_samples), np.arange(num_freqs(config))
        angle_LF = 2 * np.pi / config.padded_samples * np.outer(place_L, freq_F)
        keep(self, "window_L", window_function(config))
        keep(self, "cosine_LF", np.cos(angle_LF))
        keep(self, "sine_LF", np.sin(angle_LF))

    def forward(self, samples_N):
        x_TL = self.framing(samples_N)
        if self.config.remove_dc_offset:
            x_TL = x_TL - x_TL.mean(dim=1, keepdim=True)
        raw_TL = x_TL
        if self.config.preemphasis:
            coeff = float(np.float32(self.config.preemphasis))
            x_TL = x_TL - coeff * torch.cat([x_TL[:, :1], x_TL[:, :-1]], dim=1)
        x_TL = x_TL * self.window_L
        power_TF = (x_TL @ self.cosine_LF).square() + (x_TL @ self.sine_LF).square()
        log_energy_T = log(square_sums(raw_TL if self.energy == "raw" else x_TL))
        if self.least_energy is not None:
            log_energy_T = log_energy_T.clamp(min=self.least_energy)
        return power_TF, log_energy_T


class FilterEnergies(nn.Module):
    """Samples (N,) to filter energies (T, M) and log energies of frames (T,)."""

    def __init__(self, filters_FM: np.ndarray, spectra: Spectra, use_power: bool = True):
        super().__init__()
        self.spectra, self.use_power = spectra, use_power
        keep(self, "filters_FM", filters_FM)

    def forward(self, samples_N):
        power_TF, log_energy_T = self.spectra(samples_N)
        power_TF = power_TF if self.use_power else power_TF.sqrt()
        return power_TF @ self.filters_FM, log_energy_T


def num_freqs(config: FrameConfig) -> int:
    """The frequencies of the transform."""
    return config.padded_samples // 2 + 1


def energy_of(config) -> str:
    """Which energy options name: of raw or of windowed frames."""
    return "raw" if config.raw_energy else "windowed"


def keep(module: nn.Module, name: str, array: np.ndarray) -> None:
    """Keep an array as a buffer, in double precision."""
    module.register_buffer(name, torch.from_numpy(np.asarray(array, np.float64)))


def square_sums(x_TL):
    """Sums of squares over each row."""
    return x_TL.square().sum(dim=1)


def log(x):
    """Natural logarithms, of Kaldi's floor for less than that."""
    return x.clamp(min=float(EPSILON)).log()
