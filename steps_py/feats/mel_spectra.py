"""Utterance -> energies of mel filters, by the fast transform where it is accurate enough.

Kaldi's transform and any other differ by rounding errors of 1e-7 of the strongest frequencies.
If the energy of a filter is as small as that, its logarithm differs visibly. Such frames, 1 to 4 %
of recorded speech, are computed again with Kaldi's rounding.

Shapes: N samples, T frames, M mel filters.
"""

from typing import TYPE_CHECKING

import numpy as np

from steps_py.feats.frames import FrameSpectra, num_frames
from steps_py.feats.mel import MelFilters

if TYPE_CHECKING:
    from steps_py.feats.frames import FrameConfig
    from steps_py.feats.mel import MelConfig

WEAK = 1e-6  # a filter's energy over the mean power of the frame's frequencies


class MelSpectra:
    """Filter energies of utterances; `energy` as in FrameSpectra, `use_power` as in MelFilters."""

    def __init__(
        self,
        mel: "MelConfig",
        frames: "FrameConfig",
        energy: str | None = None,
        *,
        use_power: bool = True,
    ):
        self.frames = frames
        self.spectra = FrameSpectra(frames, energy)
        self.filters = MelFilters(mel, frames, use_power=use_power)

    def compute(
        self, samples_N: np.ndarray, vtln_warp: float = 1.0, exact: bool = False
    ) -> tuple[np.ndarray, np.ndarray]:
        """(energies (T, M) float32, log energies of the frames (T,) or None) of an utterance.

        With `exact` all frames are computed with Kaldi's rounding.
        """
        count = num_frames(len(samples_N), self.frames)
        mel_TM = np.empty((count, self.filters.config.num_bins), np.float32)
        power_T = np.empty(count, np.float32)
        log_energy_T = np.empty(count, np.float32) if self.spectra.energy else None
        for rows, spec_BF, power_B, log_energy_B in self.spectra.blocks(samples_N, exact):
            self.filters.apply(spec_BF, vtln_warp, out=mel_TM[rows])
            power_T[rows] = power_B
            if log_energy_T is not None:
                log_energy_T[rows] = log_energy_B
        if not exact and not self.frames.dither:
            self._recompute_weak_frames(samples_N, vtln_warp, mel_TM, power_T)
        return mel_TM, log_energy_T

    def _recompute_weak_frames(self, samples_N, vtln_warp, mel_TM, power_T):
        least_T = WEAK * power_T if self.filters.use_power else np.sqrt(WEAK * power_T)
        weak_W = np.flatnonzero(mel_TM.min(axis=1) < least_T)
        for rows, spec_BF, _, _ in self.spectra.blocks(samples_N, exact=True, only=weak_W):
            mel_TM[rows] = self.filters.apply(spec_BF, vtln_warp)
