"""Spectra of magnitudes or powers."""

from torch import nn

from steps_py.export.waveform.spectra import Spectra, log
from steps_py.export.waveform.types.base import EXPORTED_FEATURES
from steps_py.feats.types.magnitude_spectrogram import MagnitudeSpectrogramConfig


@EXPORTED_FEATURES.register("magnitude_spectrogram")
class MagnitudeSpectrogramGraph(nn.Module):
    """`steps_py.feats.types.magnitude_spectrogram.MagnitudeSpectrogram`."""

    Config = MagnitudeSpectrogramConfig

    def __init__(self, config: MagnitudeSpectrogramConfig):
        super().__init__()
        self.config, self.spectra = config, Spectra(config.frames)

    def forward(self, samples_N):
        power_TF, _ = self.spectra(samples_N)
        x_TF = power_TF if self.config.use_power else power_TF.sqrt()
        return log(x_TF) if self.config.use_log else x_TF
