"""Mel-frequency cepstra."""

import math

import torch
from torch import nn

from steps_py.export.waveform.spectra import FilterEnergies, Spectra, energy_of, keep, log
from steps_py.export.waveform.types.base import EXPORTED_FEATURES
from steps_py.feats.mel import mel_filters
from steps_py.feats.types.mfcc import MfccConfig, dct_matrix, lifter


@EXPORTED_FEATURES.register("mfcc")
class MfccGraph(nn.Module):
    """`steps_py.feats.types.mfcc.Mfcc`."""

    Config = MfccConfig

    def __init__(self, config: MfccConfig):
        super().__init__()
        self.config = config
        spectra = Spectra(config.frames, energy_of(config), config.energy_floor)
        self.energies = FilterEnergies(mel_filters(config.mel, config.frames), spectra)
        transform_DM = dct_matrix(config.mel.num_bins, config.num_ceps)
        transform_DM *= lifter(config.cepstral_lifter, config.num_ceps)[:, None]
        if config.htk_compat and not config.use_energy:
            transform_DM[0] *= math.sqrt(2)
        keep(self, "transform_MD", transform_DM.T)

    def forward(self, samples_N):
        mel_TM, log_energy_T = self.energies(samples_N)
        ceps_TD = log(mel_TM) @ self.transform_MD
        first_T1 = log_energy_T[:, None] if self.config.use_energy else ceps_TD[:, :1]
        parts = [first_T1, ceps_TD[:, 1:]]
        return torch.cat(parts[::-1] if self.config.htk_compat else parts, dim=1)
