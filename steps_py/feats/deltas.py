"""Time derivatives of features (src/feat/feature-functions.cc, DeltaFeatures).

Shapes: T frames, D features, K = order + 1 blocks of them.
"""

from dataclasses import dataclass

import numpy as np

from steps_py.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class DeltaConfig:
    """`window_frames` on each side of a frame enter its derivative."""

    order: int = 2
    window_frames: int = 2

    def __post_init__(self):
        if not (0 <= self.order < 1000 and 0 < self.window_frames < 1000):
            raise ConfigError(
                f"deltas: order {self.order} and window {self.window_frames} are out of range."
                " Choose an order from 0 and a window from 1, both below 1000."
            )


def delta_filters(config: DeltaConfig) -> list[np.ndarray]:
    """Filters of order 0 .. `order`: each is the previous one, convolved with a ramp.

    >>> [f.tolist() for f in delta_filters(DeltaConfig(order=1, window_frames=1))]
    [[1.0], [-0.5, 0.0, 0.5]]
    """
    offsets = np.arange(-config.window_frames, config.window_frames + 1)
    ramp = offsets / np.sum(offsets**2)
    filters = [np.ones(1)]
    for _ in range(config.order):
        filters.append(np.convolve(filters[-1], ramp))
    return filters


def add_deltas(feats_TD: np.ndarray, config: DeltaConfig) -> np.ndarray:
    """Features and their derivatives side by side, (T, K * D) float32.

    Beyond the ends the first and the last frame are repeated.

    >>> ramp_T1 = np.arange(9, dtype=np.float32)[:, None]
    >>> add_deltas(ramp_T1, DeltaConfig())[4].round(6).tolist()
    [4.0, 1.0, 0.0]
    """
    num_frames, dim = feats_TD.shape
    filters = delta_filters(config)
    reach = len(filters[-1]) // 2
    padded = np.pad(feats_TD, ((reach, reach), (0, 0)), mode="edge")
    out = np.zeros((num_frames, len(filters) * dim), np.float32)
    for order, weights in enumerate(filters):
        block = out[:, order * dim : (order + 1) * dim]
        for offset, weight in enumerate(weights, start=reach - len(weights) // 2):
            if weight:
                block += np.float32(weight) * padded[offset : offset + num_frames]
    return out
