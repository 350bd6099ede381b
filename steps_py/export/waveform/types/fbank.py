"""Mel filter bank features."""

import torch
from torch import nn

from steps_py.export.waveform.spectra import FilterEnergies, Spectra, energy_of, log
from steps_py.export.waveform.types.base import EXPORTED_FEATURES
from steps_py.feats.mel import mel_filters
from steps_py.feats.types.fbank import FbankConfig


@EXPORTED_FEATURES.register("fbank")
class FbankGraph(nn.Module):
    """`steps_py.feats.types.fbank.Fbank`."""

    Config = FbankConfig

    def __init__(self, config: FbankConfig):
        super().__init__()
        self.config = config
        spectra = Spectra(config.frames, energy_of(config), config.energy_floor)
        filters_FM = mel_filters(config.mel, config.frames)
        self.energies = FilterEnergies(filters_FM, spectra, config.use_power)

    def forward(self, samples_N):
        mel_TM, log_energy_T = self.energies(samples_N)
        mel_TM = log(mel_TM) if self.config.use_log_fbank else mel_TM
        if not self.config.use_energy:
            return mel_TM
        parts = [log_energy_T[:, None], mel_TM]
        return torch.cat(parts[::-1] if self.config.htk_compat else parts, dim=1)
