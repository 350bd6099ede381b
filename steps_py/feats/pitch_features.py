"""Features for recognition from pitch and correlation (src/feat/pitch-functions.cc).

Shapes: T frames, P features.
"""

from dataclasses import dataclass

import numpy as np

from steps_py.errors import ConfigError
from steps_py.feats.deltas import DeltaConfig, add_deltas


@dataclass(frozen=True, kw_only=True)
class PitchFeatureConfig:
    """Defaults are Kaldi's. Contexts, windows and the delay are in frames."""

    pitch_scale: float = 2.0
    pov_scale: float = 2.0
    pov_offset: float = 0.0
    delta_pitch_scale: float = 10.0
    delta_pitch_noise_stddev: float = 0.005
    normalization_left_context: int = 75
    normalization_right_context: int = 75
    delta_window: int = 2
    delay: int = 0
    add_pov_feature: bool = True
    add_normalized_log_pitch: bool = True
    add_delta_pitch: bool = True
    add_raw_log_pitch: bool = False

    def __post_init__(self):
        if not any(
            (
                self.add_pov_feature,
                self.add_normalized_log_pitch,
                self.add_delta_pitch,
                self.add_raw_log_pitch,
            )
        ):
            raise ConfigError("pitch: no feature is chosen. Set one of the --add options to true.")
        if self.delay < 0:
            raise ConfigError(f"pitch: a delay of {self.delay} frames. Use 0 or more.")


def pitch_features(pitch_T2: np.ndarray, config: PitchFeatureConfig, draws) -> np.ndarray:
    """Features (T + delay, P) of (correlation, pitch in Hz); `draws` is a numpy Generator.

    In this order: warped correlation, log pitch minus its mean nearby, change of log pitch with a
    little noise, log pitch.

    Raises
    ------
    ConfigError
        If there are not two columns, or a pitch is not positive.
    """
    if pitch_T2.shape[1] != 2 or (pitch_T2[:, 1] <= 0).any():
        raise ConfigError(
            f"pitch: {pitch_T2.shape[1]} columns, or a pitch that is not positive. Give the"
            " output of compute-kaldi-pitch-feats."
        )
    nccf_T, log_pitch_T = pitch_T2[:, 0].astype(np.float64), np.log(pitch_T2[:, 1], dtype="float64")
    parts = []
    if config.add_pov_feature:
        parts.append(config.pov_scale * warped_nccf(nccf_T) + config.pov_offset)
    if config.add_normalized_log_pitch:
        mean_T = _nearby_mean(log_pitch_T, voicing(nccf_T), config)
        parts.append(config.pitch_scale * (log_pitch_T - mean_T))
    if config.add_delta_pitch:
        deltas = DeltaConfig(order=1, window_frames=config.delta_window)
        delta_T = add_deltas(log_pitch_T[:, np.newaxis].astype(np.float32), deltas)[:, 1]
        noise_T = config.delta_pitch_noise_stddev * draws.standard_normal(len(delta_T))
        parts.append(config.delta_pitch_scale * (delta_T + noise_T))
    if config.add_raw_log_pitch:
        parts.append(log_pitch_T)
    feats_TP = np.stack(parts, axis=1).astype(np.float32)
    return np.pad(feats_TP, ((config.delay, 0), (0, 0)), mode="edge")


def warped_nccf(nccf_T):
    """A function of the correlation whose values are nearly normal."""
    return (1.0001 - np.clip(nccf_T, -1, 1)) ** 0.15 - 1


def voicing(nccf_T):
    """The probability that a frame is voiced."""
    size_T = np.minimum(np.abs(nccf_T), 1)
    log_odds_T = (
        -5.2
        + 5.4 * np.exp(7.5 * (size_T - 1))
        + 4.8 * size_T
        - 2 * np.exp(-10 * size_T)
        + 4.2 * np.exp(20 * (size_T - 1))
    )
    return 1 / (1 + np.exp(-log_odds_T))


def _nearby_mean(x_T, weight_T, config):
    """Weighted means over a window around each frame."""
    sums = np.concatenate(([0.0], np.cumsum(weight_T * x_T)))
    weights = np.concatenate(([0.0], np.cumsum(weight_T)))
    index_T = np.arange(len(x_T))
    first_T = np.maximum(index_T - config.normalization_left_context, 0)
    end_T = np.minimum(index_T + config.normalization_right_context + 1, len(x_T))
    return (sums[end_T] - sums[first_T]) / (weights[end_T] - weights[first_T])
