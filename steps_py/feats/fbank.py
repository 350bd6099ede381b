"""Mel filter bank features (src/feat/feature-fbank.cc).

Shapes: N samples, T frames, M mel filters, D = M, or M + 1 with energy.
"""

from dataclasses import dataclass, field

import numpy as np

from steps_py.feats.frames import EPSILON, FrameConfig, FrameSpectra, floor_energy, num_frames
from steps_py.feats.mel import MelConfig, MelFilters


@dataclass(frozen=True, kw_only=True)
class FbankConfig:
    """Defaults are Kaldi's.  Filters weigh power, or magnitude without `use_power`."""

    frames: FrameConfig = field(default_factory=FrameConfig)
    mel: MelConfig = field(default_factory=MelConfig)
    use_energy: bool = False
    energy_floor: float = 0.0
    raw_energy: bool = True
    htk_compat: bool = False
    use_log_fbank: bool = True
    use_power: bool = True


class Fbank:
    """Extractor of filter bank features; the energy comes first, or last as in HTK.

    >>> fbank = Fbank(FbankConfig(frames=FrameConfig(dither=0), mel=MelConfig(num_bins=40)))
    >>> fbank.compute(np.zeros(16000)).shape
    (98, 40)
    """

    def __init__(self, config):
        self.config = config
        self.dim = config.mel.num_bins + config.use_energy
        energy = "raw" if config.raw_energy else "windowed"
        self.spectra = FrameSpectra(config.frames, energy if config.use_energy else None)
        self.filters = MelFilters(config.mel, config.frames, use_power=config.use_power)

    def compute(self, samples_N, vtln_warp=1.0, exact=False):
        """Features (T, D) float32 of samples at the configured rate.

        `exact` as in Mfcc.compute; without a logarithm it is always so.
        """
        config = self.config
        exact = exact or not config.use_log_fbank
        count = num_frames(len(samples_N), config.frames)
        mel_TM = np.empty((count, config.mel.num_bins), np.float32)
        log_energy_T = np.empty(count, np.float32)
        for rows, spec_BF, log_energy_B in self.spectra.blocks(samples_N, exact):
            self.filters.apply(spec_BF, vtln_warp, out=mel_TM[rows])
            if config.use_energy:
                log_energy_T[rows] = log_energy_B
        if config.use_log_fbank:
            np.maximum(mel_TM, EPSILON, out=mel_TM)
            np.log(mel_TM, out=mel_TM)
        if not config.use_energy:
            return mel_TM
        energy_T1 = floor_energy(log_energy_T, config.energy_floor)[:, None]
        parts = (mel_TM, energy_T1) if config.htk_compat else (energy_T1, mel_TM)
        return np.concatenate(parts, axis=1)
