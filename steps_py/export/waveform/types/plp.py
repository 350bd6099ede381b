"""Perceptual linear prediction cepstra.

Shape suffixes: N samples, T frames, M mel filters, P order of the prediction, D cepstra.
"""

import torch
from torch import nn

from steps_py.export.waveform.spectra import FilterEnergies, Spectra, energy_of, keep
from steps_py.export.waveform.types.base import EXPORTED_FEATURES
from steps_py.feats.mel import center_freqs_hz, mel_filters
from steps_py.feats.types.mfcc import lifter
from steps_py.feats.types.plp import PlpConfig, cosine_bases, equal_loudness

_LEAST_ERROR, _TINY = 1e-5, 1.1754943508222875e-38  # as in steps_py.feats.types.plp


@EXPORTED_FEATURES.register("plp")
class PlpGraph(nn.Module):
    """`steps_py.feats.types.plp.Plp`."""

    Config = PlpConfig

    def __init__(self, config: PlpConfig):
        super().__init__()
        self.config = config
        spectra = Spectra(config.frames, energy_of(config), config.energy_floor)
        self.energies = FilterEnergies(mel_filters(config.mel, config.frames), spectra)
        keep(self, "loudness_M", equal_loudness(center_freqs_hz(config.mel, config.frames)))
        keep(self, "bases_MP", cosine_bases(config.lpc_order + 1, config.mel.num_bins + 2).T)
        scale_D = lifter(config.cepstral_lifter, config.num_ceps) * config.cepstral_scale
        keep(self, "scale_D", scale_D)

    def forward(self, samples_N):
        config = self.config
        mel_TM, log_energy_T = self.energies(samples_N)
        mel_TM = (mel_TM * self.loudness_M) ** config.compress_factor
        mel_TM = torch.cat([mel_TM[:, :1], mel_TM, mel_TM[:, -1:]], dim=1)
        lpc, error_T = _linear_prediction(mel_TM @ self.bases_MP)
        ceps = [error_T.clamp(min=_TINY).log().clamp(min=_TINY), *_prediction_cepstra(lpc)]
        feats_TD = torch.stack(ceps[: config.num_ceps], dim=1) * self.scale_D
        first_T1 = log_energy_T[:, None] if config.use_energy else feats_TD[:, :1]
        parts = [first_T1, feats_TD[:, 1:]]
        return torch.cat(parts[::-1] if config.htk_compat else parts, dim=1)


def _linear_prediction(autocorr_TP1):
    """P coefficients (T,) and the errors (T,), by the recursion of Durbin."""
    autocorr, lpc = autocorr_TP1.unbind(dim=1), []
    error_T = autocorr[0]
    for i in range(len(autocorr) - 1):
        sums_T = autocorr[i + 1] + sum(lpc[j] * autocorr[i - j] for j in range(i))
        reflection_T = sums_T / error_T
        error_T = error_T * (1 - reflection_T * reflection_T).clamp(min=_LEAST_ERROR)
        lpc = [lpc[j] - reflection_T * lpc[i - 1 - j] for j in range(i)] + [-reflection_T]
    return lpc, error_T


def _prediction_cepstra(lpc):
    """P cepstra (T,), without the zeroth."""
    cepstra = []
    for i in range(len(lpc)):
        sums = sum((i - j) * lpc[j] * cepstra[i - 1 - j] for j in range(i))
        cepstra.append(-lpc[i] - sums / (i + 1))
    return cepstra
