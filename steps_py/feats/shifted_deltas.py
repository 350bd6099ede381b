"""Shifted delta cepstra: time derivatives at several later frames (ShiftedDeltaFeatures in
src/feat/feature-functions.cc).

Shape suffixes (scope: this module):
    T = frames   D = dimension
"""

import numpy as np


def add_shifted_deltas(
    x_TD: np.ndarray, window_frames: int, num_blocks: int, block_shift_frames: int
) -> np.ndarray:
    """Features (T, D) and `num_blocks` derivatives of each: (T, D * (1 + num_blocks)).

    Block i is the derivative i * `block_shift_frames` later. Beyond its ends, the first or last
    frame is repeated.

    >>> add_shifted_deltas(np.array([[0.0], [1.0], [3.0]]), 1, 2, 1).tolist()
    [[0.0, 0.5, 1.5], [1.0, 1.5, 1.0], [3.0, 1.0, 0.0]]
    """
    num_frames = len(x_TD)
    offsets = np.arange(-window_frames, window_frames + 1)
    scales = offsets / (offsets**2).sum()
    blocks = [x_TD]
    for shift in block_shift_frames * np.arange(num_blocks):
        block_TD = np.zeros_like(x_TD)
        for offset, scale in zip(offsets, scales, strict=True):
            rows = np.clip(np.arange(num_frames) + offset + shift, 0, num_frames - 1)
            block_TD += x_TD.dtype.type(scale) * x_TD[rows]
        blocks.append(block_TD)
    return np.concatenate(blocks, axis=1)
