"""Energies of filters on other scales of frequency."""

from torch import nn

from steps_py.export.waveform.spectra import FilterEnergies, Spectra, log
from steps_py.export.waveform.types.base import EXPORTED_FEATURES
from steps_py.feats.types.scaled_fbank import ScaledFbankConfig, scaled_filters


@EXPORTED_FEATURES.register("scaled_fbank")
class ScaledFbankGraph(nn.Module):
    """`steps_py.feats.types.scaled_fbank.ScaledFbank`."""

    Config = ScaledFbankConfig

    def __init__(self, config: ScaledFbankConfig):
        super().__init__()
        self.use_log = config.use_log
        spectra = Spectra(config.frames)
        self.energies = FilterEnergies(scaled_filters(config), spectra, config.use_power)

    def forward(self, samples_N):
        energy_TM, _ = self.energies(samples_N)
        return log(energy_TM) if self.use_log else energy_TM
