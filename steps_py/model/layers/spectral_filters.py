"""Filters over the frequencies of a log power spectrum.

Shape suffixes: B batch, T frames, F frequencies without the first, M filters.
"""

import numpy as np
import torch

from steps_py.errors import ConfigError
from steps_py.feats.frames import FrameConfig
from steps_py.feats.mel import MelConfig, mel_filters
from steps_py.model.precision import without_autocast


def check_spectrum(num_freqs: int, front_end: str) -> None:
    """Raise ConfigError, naming the front-end, unless a spectrum can have `num_freqs`."""
    num_samples = 2 * (num_freqs - 1)
    if num_samples < 4 or num_samples & (num_samples - 1):
        raise ConfigError(
            f"front-end '{front_end}': the features have {num_freqs} dimensions; a spectrum has a"
            " power of two and one. Set feats.type to spectrogram."
        )


def mel_triangles(
    num_freqs: int,
    num_filters: int,
    sample_rate_hz: float,
    low_freq_hz: float,
    high_freq_hz: float,
) -> torch.Tensor:
    """Triangles (F, M) on the mel scale for spectra of `num_freqs`, which are F + 1.

    Raises ConfigError if a triangle is narrower than the spacing of frequencies.

    >>> mel_triangles(257, 80, 16000.0, 20.0, 0.0).shape
    torch.Size([256, 80])
    """
    length_ms = 1000 * 2 * (num_freqs - 1) / sample_rate_hz
    frames = FrameConfig(sample_rate_hz=sample_rate_hz, frame_length_ms=length_ms)
    mel = MelConfig(num_bins=num_filters, low_freq_hz=low_freq_hz, high_freq_hz=high_freq_hz)
    return torch.tensor(np.asarray(mel_filters(mel, frames))[1:])


def log_energies(
    x_BTD: torch.Tensor, weight_FM: torch.Tensor, floor: float, mask_BT: torch.Tensor | None
) -> torch.Tensor:
    """Logarithms (B, T, M) of the weighted sums of power; padding is 0.

    The first dimension of log power spectra is the energy of the frame, which no filter reads.

    >>> x_BTD = torch.tensor([[[9.0, 0.0, 2.0]]])
    >>> log_energies(x_BTD, torch.tensor([[0.0], [1.0]]), 1e-7, None)
    tensor([[[2.]]])
    """
    with without_autocast(x_BTD):  # powers exceed the range of fp16
        power_BTM = x_BTD[:, :, 1:].float().exp() @ weight_FM
        y_BTM = power_BTM.clamp(min=floor).log()
    return y_BTM if mask_BT is None else y_BTM.masked_fill(~mask_BT[:, :, None], 0)
