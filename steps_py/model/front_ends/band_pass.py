"""Band-pass filters in the frequency domain whose centres and widths are learned.

Shape suffixes: B batch, T frames, D feature dimension, F frequencies, M filters.

Reference: H. Seki et al., "A deep neural network integrated with filterbank learning for speech
recognition", ICASSP 2017, section 3.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from steps_py.feats.mel import MelConfig, cutoffs, mel
from steps_py.model.layers.spectral_filters import check_spectrum, log_energies
from steps_py.model.registries import FRONT_ENDS
from steps_py.settings.declare import Count, setting

HALF_WIDTH = math.sqrt(2 * math.log(2))  # of a Gaussian at half its height, in deviations


@FRONT_ENDS.register("band_pass")
class BandPass(nn.Module):
    """Log energies of Gaussian filters on the mel scale over the power spectrum.

    Features are log power spectra, ``feats.type: spectrogram``.  A filter has two weights: its
    centre, as a fraction of the mel scale up to half the sample rate, and the logarithm of its
    deviation.  They begin with the centres and widths of mel triangles.

    >>> front_end = BandPass(BandPass.Config(out_dim=40), in_dim=257)
    >>> front_end(torch.zeros(2, 30, 257), None)[0].shape
    torch.Size([2, 30, 40])
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        out_dim: Count = setting(80, "filters")
        sample_rate_hz: float = setting(16000.0, exclusiveMinimum=0)
        low_freq_hz: float = setting(20.0, "one spacing below the first centre", minimum=0)
        high_freq_hz: float = setting(
            0.0,
            "one spacing above the last centre; 0 or less: from half the sample rate downwards",
        )
        floor: float = setting(1e-7, "least energy of a filter", exclusiveMinimum=0)

    def __init__(self, config: Config, in_dim: int):
        super().__init__()
        limits = config.low_freq_hz, config.high_freq_hz
        rate_hz = config.sample_rate_hz
        check_spectrum(in_dim, "band_pass")
        mel_config = MelConfig(low_freq_hz=limits[0], high_freq_hz=limits[1])
        low, high = mel(np.array(cutoffs(mel_config, rate_hz))) / mel(rate_hz / 2)
        spacing = (high - low) / (config.out_dim + 1)
        place_F = mel(np.arange(1, in_dim) * rate_hz / (2 * (in_dim - 1))) / mel(rate_hz / 2)
        self.register_buffer("place_F", torch.tensor(place_F), persistent=False)
        self.centre_M = nn.Parameter(low + spacing * torch.arange(1.0, config.out_dim + 1))
        deviation = spacing / 2 / HALF_WIDTH
        self.log_deviation_M = nn.Parameter(torch.full((config.out_dim,), math.log(deviation)))
        self.floor, self.out_dim = config.floor, config.out_dim
        self.min_frames = self.frame_stride = 1

    def forward(
        self, x_BTD: torch.Tensor, mask_BT: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        distance_FM = (self.place_F[:, None] - self.centre_M) / self.log_deviation_M.exp()
        weight_FM = (-distance_FM.square() / 2).exp()
        return log_energies(x_BTD, weight_FM, self.floor, mask_BT), mask_BT
