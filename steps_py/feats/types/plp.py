"""Perceptual linear prediction cepstra (src/feat/feature-plp.cc).

Source: H. Hermansky, "Perceptual linear predictive (PLP) analysis of speech", 1990.

Shapes: N samples, T frames, M mel filters, P order of the prediction, D cepstra.
"""

import functools
from dataclasses import dataclass, field

import numpy as np

from steps_py.errors import ConfigError
from steps_py.feats.feature_options import PlpOptions, config_by_options
from steps_py.feats.frames import FrameConfig, floor_energy
from steps_py.feats.mel import MelConfig, center_freqs_hz
from steps_py.feats.mel_spectra import MelSpectra
from steps_py.feats.types.mfcc import lifter
from steps_py.feats.types.registry import FEATURES

_LEAST_ERROR = np.float32(1e-5)  # of a prediction, relative to the one before
_TINY = np.finfo(np.float32).tiny


@dataclass(frozen=True, kw_only=True)
class PlpConfig:
    """Defaults are Kaldi's.  `energy_floor` is absolute; 0 means none."""

    frames: FrameConfig = field(default_factory=FrameConfig)
    mel: MelConfig = field(default_factory=MelConfig)
    lpc_order: int = 12
    num_ceps: int = 13
    use_energy: bool = True
    energy_floor: float = 0.0
    raw_energy: bool = True
    compress_factor: float = 0.33333
    cepstral_lifter: int = 22
    cepstral_scale: float = 1.0
    htk_compat: bool = False


@FEATURES.register("plp")
class Plp:
    """Extractor of PLP cepstra.

    >>> plp = Plp(PlpConfig(frames=FrameConfig(dither=0)))
    >>> plp.compute(np.zeros(16000)).shape
    (98, 13)
    """

    Config, Options = PlpConfig, PlpOptions
    config_of = functools.partial(config_by_options, PlpConfig)
    on_device = False

    def __init__(self, config):
        if not 2 <= config.num_ceps <= config.lpc_order + 1:
            raise ConfigError(
                f"plp: {config.num_ceps} cepstra of a prediction of order {config.lpc_order}."
                f" Use 2 to {config.lpc_order + 1}, one more than the order."
            )
        self.config = config
        self.dim = config.num_ceps
        energy = "raw" if config.raw_energy else "windowed"
        self.spectra = MelSpectra(config.mel, config.frames, energy if config.use_energy else None)
        self._bases_MP = cosine_bases(config.lpc_order + 1, config.mel.num_bins + 2).T
        scale_D = lifter(config.cepstral_lifter, config.num_ceps) * config.cepstral_scale
        self._scale_D = scale_D.astype(np.float32)
        self._loudness = {}

    def compute(self, samples_N: np.ndarray, vtln_warp: float = 1.0, exact: bool = False):
        """PLP cepstra (T, D) float32 of samples at the configured rate; `exact` as in Mfcc."""
        config = self.config
        mel_TM, log_energy_T = self.spectra.compute(samples_N, vtln_warp, exact)
        mel_TM *= self._loudness_of(vtln_warp)
        np.power(mel_TM, np.float32(config.compress_factor), out=mel_TM)
        mel_TM = np.pad(mel_TM, ((0, 0), (1, 1)), mode="edge")
        lpc_TP, error_T = linear_prediction(mel_TM @ self._bases_MP)
        feats_TD = np.empty((len(mel_TM), config.num_ceps), np.float32)
        log_error_T = np.log(np.maximum(error_T, _TINY))
        feats_TD[:, 0] = np.maximum(log_error_T, _TINY)  # as in Kaldi, not below 0
        feats_TD[:, 1:] = prediction_cepstra(lpc_TP)[:, : config.num_ceps - 1]
        feats_TD *= self._scale_D
        if config.use_energy:
            feats_TD[:, 0] = floor_energy(log_energy_T, config.energy_floor)
        return np.roll(feats_TD, -1, axis=1) if config.htk_compat else feats_TD

    def _loudness_of(self, vtln_warp):
        if vtln_warp not in self._loudness:
            centers_hz_M = center_freqs_hz(self.config.mel, self.config.frames, vtln_warp)
            self._loudness[vtln_warp] = equal_loudness(centers_hz_M)
        return self._loudness[vtln_warp]


def equal_loudness(freq_hz_M):
    """The weight of each frequency in the equal-loudness curve, float32."""
    square_M = np.asarray(freq_hz_M, np.float32) ** 2
    return (square_M / (square_M + np.float32(1.6e5))) ** 2 * (
        (square_M + np.float32(1.44e6)) / (square_M + np.float32(9.61e6))
    )


def cosine_bases(num_bases: int, num_bins: int):
    """The inverse transform (num_bases, num_bins) of a spectrum to its autocorrelation."""
    angle = np.pi / (num_bins - 1) * np.outer(np.arange(num_bases), np.arange(num_bins))
    bases = np.cos(angle) / (num_bins - 1)
    bases[:, [0, -1]] /= 2
    return bases.astype(np.float32)


def linear_prediction(autocorr_TP1: np.ndarray):
    """Prediction coefficients (T, P) and errors (T,) of autocorrelations (T, P + 1).

    By the recursion of Durbin, on all frames at once. The error falls in each step to a
    100,000th at least, so that a constant signal gives numbers.

    >>> linear_prediction(np.array([[2.0, 1.0]], np.float32))
    (array([[-0.5]], dtype=float32), array([1.5], dtype=float32))
    """
    order = autocorr_TP1.shape[1] - 1
    error_T = autocorr_TP1[:, 0].copy()
    lpc_TP = np.zeros((len(autocorr_TP1), order), np.float32)
    for i in range(order):
        known_Ti = lpc_TP[:, :i].copy()
        sums_T = autocorr_TP1[:, i + 1] + (known_Ti * autocorr_TP1[:, i:0:-1]).sum(axis=1)
        reflection_T = sums_T / error_T
        error_T *= np.maximum(1 - reflection_T * reflection_T, _LEAST_ERROR)
        lpc_TP[:, :i] = known_Ti - reflection_T[:, np.newaxis] * known_Ti[:, ::-1]
        lpc_TP[:, i] = -reflection_T
    return lpc_TP, error_T


def prediction_cepstra(lpc_TP: np.ndarray):
    """The cepstra (T, P), without the zeroth, of the spectrum that coefficients stand for."""
    cepstra_TP = np.empty_like(lpc_TP)
    for i in range(lpc_TP.shape[1]):
        weights_i = np.arange(i, 0, -1, dtype=np.float32)
        sums_T = (weights_i * lpc_TP[:, :i] * cepstra_TP[:, :i][:, ::-1]).sum(axis=1)
        cepstra_TP[:, i] = -lpc_TP[:, i] - sums_T / np.float32(i + 1)
    return cepstra_TP
