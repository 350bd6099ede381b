"""A filter bank whose weights are learned.

Shape suffixes: B batch, T frames, D feature dimension, F frequencies, M filters.

Reference: T. N. Sainath et al., "Learning filter banks within a deep neural network framework",
ASRU 2013.
"""

from dataclasses import dataclass

import torch
from torch import nn

from steps_py.model.layers.spectral_filters import check_spectrum, log_energies, mel_triangles
from steps_py.model.registries import FRONT_ENDS
from steps_py.settings.declare import Count, setting


@FRONT_ENDS.register("filter_bank")
class FilterBank(nn.Module):
    """Log energies of filters over the power spectrum, which begin as triangles on the mel scale.

    Features are log power spectra, ``feats.type: spectrogram``; mean normalisation by ``cmvn`` is a
    gain of each frequency.  Every weight is learned, but none is below 0.

    >>> front_end = FilterBank(FilterBank.Config(out_dim=40), in_dim=257)
    >>> front_end(torch.zeros(2, 30, 257), None)[0].shape
    torch.Size([2, 30, 40])
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        out_dim: Count = setting(80, "filters")
        sample_rate_hz: float = setting(16000.0, exclusiveMinimum=0)
        low_freq_hz: float = setting(20.0, "where the first filter begins", minimum=0)
        high_freq_hz: float = setting(
            0.0, "where the last filter ends; 0 or less: from half the sample rate downwards"
        )
        learned: bool = setting(True, "false: the triangles stay as they are")
        floor: float = setting(1e-7, "least energy of a filter", exclusiveMinimum=0)

    def __init__(self, config: Config, in_dim: int):
        super().__init__()
        check_spectrum(in_dim, "filter_bank")
        weight_FM = mel_triangles(
            in_dim,
            config.out_dim,
            config.sample_rate_hz,
            config.low_freq_hz,
            config.high_freq_hz,
        )
        if config.learned:
            self.weight_FM = nn.Parameter(weight_FM)
        else:
            self.register_buffer("weight_FM", weight_FM, persistent=False)
        self.floor, self.out_dim = config.floor, config.out_dim
        self.min_frames = self.frame_stride = 1

    def forward(
        self, x_BTD: torch.Tensor, mask_BT: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        return log_energies(x_BTD, self.weight_FM.clamp(min=0), self.floor, mask_BT), mask_BT

    @torch.no_grad()
    def constrain_weights(self) -> None:
        """Set weights below 0, which have no gradient, to 0, where they have one."""
        self.weight_FM.clamp_(min=0)
