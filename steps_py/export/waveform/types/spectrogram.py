"""Log power spectra."""

import torch
from torch import nn

from steps_py.errors import ConfigError
from steps_py.export.waveform.spectra import Spectra, energy_of, log
from steps_py.export.waveform.types.base import EXPORTED_FEATURES
from steps_py.feats.types.spectrogram import SpectrogramConfig


@EXPORTED_FEATURES.register("spectrogram")
class SpectrogramGraph(nn.Module):
    """`steps_py.feats.types.spectrogram.Spectrogram`, but for raw transforms."""

    Config = SpectrogramConfig

    def __init__(self, config: SpectrogramConfig):
        super().__init__()
        if config.return_raw_fft:
            raise ConfigError("features of --return-raw-fft=true are not exported")
        self.spectra = Spectra(config.frames, energy_of(config), config.energy_floor)

    def forward(self, samples_N):
        power_TF, log_energy_T = self.spectra(samples_N)
        return torch.cat([log_energy_T[:, None], log(power_TF)[:, 1:]], dim=1)
