"""Mel filter bank features (src/feat/feature-fbank.cc).

Shapes: N samples, T frames, M mel filters, D = M, or M + 1 with energy.
"""

import functools
from dataclasses import dataclass, field

import numpy as np

from steps_py.feats.feature_options import FbankOptions, config_by_options
from steps_py.feats.frames import EPSILON, FrameConfig, floor_energy
from steps_py.feats.mel import MelConfig, center_freqs_hz
from steps_py.feats.mel_spectra import MelSpectra
from steps_py.feats.types.registry import FEATURES


@dataclass(frozen=True, kw_only=True)
class FbankConfig:
    """Defaults are Kaldi's. Filters are applied to power, or to magnitude without `use_power`."""

    frames: FrameConfig = field(default_factory=FrameConfig)
    mel: MelConfig = field(default_factory=MelConfig)
    use_energy: bool = False
    energy_floor: float = 0.0
    raw_energy: bool = True
    htk_compat: bool = False
    use_log_fbank: bool = True
    use_power: bool = True


@FEATURES.register("fbank")
class Fbank:
    """Extractor of filter bank features; the energy comes first, or last as in HTK.

    >>> fbank = Fbank(FbankConfig(frames=FrameConfig(dither=0), mel=MelConfig(num_bins=40)))
    >>> fbank.compute(np.zeros(16000)).shape
    (98, 40)
    """

    Config, Options = FbankConfig, FbankOptions
    config_of = functools.partial(config_by_options, FbankConfig)
    on_device = True

    def __init__(self, config: FbankConfig):
        self.config = config
        self.dim = config.mel.num_bins + config.use_energy
        energy = "raw" if config.raw_energy else "windowed"
        energy = energy if config.use_energy else None
        self.spectra = MelSpectra(config.mel, config.frames, energy, use_power=config.use_power)

    @property
    def frequencies_hz(self) -> np.ndarray:
        """The centre of each filter, (D,); nan for the energy."""
        centre_M = center_freqs_hz(self.config.mel, self.config.frames).astype(float)
        if not self.config.use_energy:
            return centre_M
        parts = (centre_M, [np.nan]) if self.config.htk_compat else ([np.nan], centre_M)
        return np.concatenate(parts)

    def compute(
        self, samples_N: np.ndarray, vtln_warp: float = 1.0, exact: bool = False
    ) -> np.ndarray:
        """Features (T, D) float32 of samples at the configured rate.

        `exact` as in Mfcc.compute; without a logarithm it is always on.
        """
        config = self.config
        exact = exact or not config.use_log_fbank
        mel_TM, log_energy_T = self.spectra.compute(samples_N, vtln_warp, exact)
        if config.use_log_fbank:
            np.maximum(mel_TM, EPSILON, out=mel_TM)
            np.log(mel_TM, out=mel_TM)
        if not config.use_energy:
            return mel_TM
        energy_T1 = floor_energy(log_energy_T, config.energy_floor)[:, None]
        parts = (mel_TM, energy_T1) if config.htk_compat else (energy_T1, mel_TM)
        return np.concatenate(parts, axis=1)
