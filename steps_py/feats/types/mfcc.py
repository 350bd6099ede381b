"""Mel-frequency cepstra (src/feat/feature-mfcc.cc).

Shapes: N samples, T frames, M mel filters, D cepstra.
"""

import functools
from dataclasses import dataclass, field

import numpy as np

from steps_py.errors import ConfigError
from steps_py.feats.feature_options import MfccOptions, config_by_options
from steps_py.feats.frames import EPSILON, FrameConfig, floor_energy
from steps_py.feats.mel import MelConfig, center_freqs_hz
from steps_py.feats.mel_spectra import MelSpectra
from steps_py.feats.types.registry import FEATURES


@dataclass(frozen=True, kw_only=True)
class MfccConfig:
    """Defaults are Kaldi's.  `energy_floor` is absolute; 0 means none."""

    frames: FrameConfig = field(default_factory=FrameConfig)
    mel: MelConfig = field(default_factory=MelConfig)
    num_ceps: int = 13
    use_energy: bool = True
    energy_floor: float = 0.0
    raw_energy: bool = True
    cepstral_lifter: float = 22.0
    htk_compat: bool = False


def dct_matrix(num_bins: int, num_ceps: int) -> np.ndarray:
    """The first rows (num_ceps, num_bins) of the orthonormal DCT-II.

    >>> np.allclose(dct_matrix(4, 4) @ dct_matrix(4, 4).T, np.eye(4))
    True
    """
    angle = np.pi / num_bins * np.outer(np.arange(num_ceps), np.arange(num_bins) + 0.5)
    matrix = np.sqrt(2 / num_bins) * np.cos(angle)
    matrix[0] = np.sqrt(1 / num_bins)
    return matrix


def lifter(coeff: float, num_ceps: int) -> np.ndarray:
    """The factor (num_ceps,) of each cepstrum; 1 for the zeroth."""
    if coeff == 0:
        return np.ones(num_ceps)
    return 1 + 0.5 * coeff * np.sin(np.pi * np.arange(num_ceps) / coeff)


@FEATURES.register("mfcc")
class Mfcc:
    """Extractor of MFCCs.

    >>> mfcc = Mfcc(MfccConfig(frames=FrameConfig(dither=0), num_ceps=20))
    >>> mfcc.compute(np.zeros(16000)).shape
    (98, 20)
    """

    Config, Options = MfccConfig, MfccOptions
    config_of = functools.partial(config_by_options, MfccConfig)
    on_device = True

    def __init__(self, config: MfccConfig):
        if config.num_ceps > config.mel.num_bins or config.num_ceps < 1:
            raise ConfigError(
                f"mfcc: {config.num_ceps} cepstra of {config.mel.num_bins} mel filters."
                " Use at least 1 and at most as many cepstra as filters."
            )
        self.config = config
        self.dim = config.num_ceps
        energy = "raw" if config.raw_energy else "windowed"
        self.spectra = MelSpectra(config.mel, config.frames, energy if config.use_energy else None)
        transform_DM = dct_matrix(config.mel.num_bins, config.num_ceps)
        transform_DM *= lifter(config.cepstral_lifter, config.num_ceps)[:, None]
        self.transform_MD = np.ascontiguousarray(transform_DM.T, np.float32)

    @property
    def bands(self) -> tuple[np.ndarray, np.ndarray]:
        """A matrix (B, D) from logarithms of filters, and the log energy if it is used; their Hz.

        The frequency of the energy, the last row, is nan.
        """
        centre_M = center_freqs_hz(self.config.mel, self.config.frames).astype(float)
        matrix_BD = self.transform_MD.astype(float)
        if self.config.use_energy:
            energy_1D = np.eye(1, self.dim)
            matrix_BD = np.concatenate([matrix_BD * (1 - energy_1D), energy_1D])
            centre_M = np.append(centre_M, np.nan)
        return (self._like_htk(matrix_BD) if self.config.htk_compat else matrix_BD), centre_M

    def compute(
        self, samples_N: np.ndarray, vtln_warp: float = 1.0, exact: bool = False
    ) -> np.ndarray:
        """MFCCs (T, D) float32 of samples at the configured rate.

        Equal to Kaldi's within 0.005; with `exact`, at a quarter of the speed, within 0.0005, also
        if a band is almost empty, as after resampling.
        """
        mel_TM, log_energy_T = self.spectra.compute(samples_N, vtln_warp, exact)
        np.maximum(mel_TM, EPSILON, out=mel_TM)
        feats_TD = np.log(mel_TM, out=mel_TM) @ self.transform_MD
        if self.config.use_energy:
            feats_TD[:, 0] = floor_energy(log_energy_T, self.config.energy_floor)
        return self._like_htk(feats_TD) if self.config.htk_compat else feats_TD

    def _like_htk(self, feats_TD):
        """Energy or C0 last; C0 without the factor that makes the transform orthonormal."""
        if not self.config.use_energy:
            feats_TD[:, 0] *= np.float32(np.sqrt(2))
        return np.roll(feats_TD, -1, axis=1)
