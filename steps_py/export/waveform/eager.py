"""What a front end that is exported is compared with: the steps of the recipe, by their own code.

Shape suffixes (scope: this module):
    N = samples   T = voiced frames   F = all frames   D = feature dimension
"""

import dataclasses

import numpy as np

from steps_py.audio.wave import Wave
from steps_py.feats.config import CmvnConfig
from steps_py.feats.front_end import FrontEnd
from steps_py.feats.sliding_mean import normalised
from steps_py.system.sound import samples_of

LOUD, SOFT = 0.1, 0.001  # of full scale, in turns
TURN_SEC = 0.2
MULTIPLES = 3, 3.01, 4.7, 12  # of the shortest input, in samples; a third and more is loud


def without_rounding(front_end: FrontEnd) -> FrontEnd:
    """The same options without dither and without the rounding of compressed features."""
    return dataclasses.replace(front_end, conf=f"{front_end.conf}\n--dither=0\n", compress=False)


def voiced_frames_of(waveform_1N: np.ndarray, front_end: FrontEnd, cmvn: CmvnConfig) -> np.ndarray:
    """The voiced, normalised frames (T, D) of samples from -1 to 1; (0, D) without speech."""
    front_end = without_rounding(front_end)
    wave = Wave(int(front_end.sample_rate_hz), samples_of(waveform_1N))
    x_FD, is_voiced_F = front_end.compute(wave, "the samples")
    place_T = np.flatnonzero(is_voiced_F)
    if not len(place_T):
        return x_FD[:0]
    return normalised(lambda first, end: x_FD[first:end], place_T, len(x_FD), cmvn)


def probe_waveforms(rate_hz: float, frame_shift_sec: float, least_frames: int):
    """Noise (1, N) that is loud and soft in turns, of several lengths."""
    rng = np.random.default_rng(0)
    shortest = (least_frames + 10) * frame_shift_sec * rate_hz
    for multiple in MULTIPLES:
        place_N = np.arange(int(multiple * shortest))
        is_loud_N = (place_N / rate_hz / TURN_SEC).astype(int) % 2 == 0
        noise_N = rng.normal(size=len(place_N)) * np.where(is_loud_N, LOUD, SOFT)
        yield np.clip(noise_N, -1, 1).astype(np.float32)[np.newaxis]
