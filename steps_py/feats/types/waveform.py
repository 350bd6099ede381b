"""Samples as features, for networks that compute their own from audio.

Shapes: N samples, T frames, S samples of a frame shift, D = 1 + S.
"""

import functools
from dataclasses import dataclass, field

import numpy as np

from steps_py.errors import ConfigError
from steps_py.feats.feature_options import WaveformOptions, config_by_options
from steps_py.feats.frames import EPSILON, FrameConfig, floor_energy, frame_view
from steps_py.feats.types.registry import FEATURES


@dataclass(frozen=True, kw_only=True)
class WaveformTypeConfig:
    """Of the frames only rate, length, shift and ends matter: samples are not changed."""

    frames: FrameConfig = field(default_factory=FrameConfig)
    energy_floor: float = 0.0


@FEATURES.register("waveform")
class Waveform:
    """The log energy of each frame, for voice decisions, and the samples of its frame shift.

    The samples are those in the middle of the frame, so the samples of consecutive frames follow
    each other: flattened, they are the recording from the middle of its first frame on.

    >>> x_TD = Waveform(WaveformTypeConfig()).compute(np.arange(16000.0))
    >>> x_TD.shape, x_TD[:2, 1].tolist()
    ((98, 161), [120.0, 280.0])
    """

    Config, Options = WaveformTypeConfig, WaveformOptions
    config_of = functools.partial(config_by_options, WaveformTypeConfig)
    on_device = False
    holds_samples = True

    def __init__(self, config: WaveformTypeConfig):
        frames = config.frames
        if frames.shift_samples > frames.length_samples:
            raise ConfigError(
                f"waveform: the frame shift, {frames.frame_shift_ms:g} ms, is longer than a frame,"
                f" {frames.frame_length_ms:g} ms. Lengthen the frames."
            )
        self.config = config
        self.dim = 1 + frames.shift_samples

    def compute(self, samples_N: np.ndarray) -> np.ndarray:
        """Features (T, D) float32 of samples at the configured rate."""
        frames = self.config.frames
        frames_TL = frame_view(np.asarray(samples_N, np.float32), frames)
        centred_TL = frames_TL - frames_TL.mean(axis=1, keepdims=True)
        power_T = np.einsum("tl,tl->t", centred_TL, centred_TL)
        log_energy_T = np.log(np.maximum(power_T, EPSILON))
        first = (frames.length_samples - frames.shift_samples) // 2
        middle_TS = frames_TL[:, first : first + frames.shift_samples]
        energy_T1 = floor_energy(log_energy_T, self.config.energy_floor)[:, None]
        return np.concatenate((energy_T1, middle_TS), axis=1)
