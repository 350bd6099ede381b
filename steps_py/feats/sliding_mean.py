"""Sliding mean normalisation of selected frames of an utterance, in float32.

There are three implementations, each the fastest for its use: `steps_py.feats.cmvn` has Kaldi's
options and double precision; this one is for training and extraction on the host, which need few
frames; `steps_py.chunks.device_features` is for batches with torch. All use `window_starts`.

Shape suffixes (scope: this module):
    T = frames   D = feature dimension   W = windows
"""

import numpy as np

from steps_py.feats.cmvn import normalise_rows, window_bounds


def window_starts(frames, window_frames: int, last):
    """The first frame of the centred window of each of `frames`, an array of integers.

    Near the ends of an utterance windows are shifted, not shortened: `last` is the last start.

    >>> window_starts(np.arange(6), 3, last=3)
    array([0, 0, 1, 2, 3, 3])
    """
    start = frames - window_frames // 2
    np.maximum(start, 0, out=start)
    return np.minimum(start, last, out=start)


def normalised(rows, frames, num_frames: int, cmvn):
    """Frames minus the means of their windows by `cmvn`, a CmvnConfig; float32 (T, D).

    `rows(first, end)` returns float32 rows of an utterance of `num_frames` frames; `frames` are the
    requested ones, ascending, at least one.
    """
    if not cmvn.window_frames:
        origin = int(frames[0])
        return rows(origin, int(frames[-1]) + 1).take(frames - origin, axis=0)
    if cmvn.norm_vars:
        start, end = window_bounds(frames, num_frames, cmvn.window_frames)
        x_TD = rows(start[0], end[-1])
        bounds = (index - start[0] for index in (frames, start, end))
        return normalise_rows(x_TD, *bounds, norm_vars=True)
    # all windows have the same length: near the ends they are shifted, not shortened
    length = min(cmvn.window_frames, num_frames)
    start = window_starts(frames, cmvn.window_frames, num_frames - length)
    origin = int(start[0])
    x_TD = rows(origin, int(start[-1]) + length)
    sums_WD = window_sums(x_TD, length)
    sums_TD = sums_WD.take(start - origin, axis=0)
    sums_TD *= np.float32(1 / length)
    return np.subtract(x_TD.take(frames - origin, axis=0), sums_TD, out=sums_TD)


def window_sums(x_TD: np.ndarray, length):
    """Sums of the rows ``[w, w + length)`` for every w; float32 (T - length + 1, D).

    Sums of 1, 2, 4, 8 ... rows are computed from two sums of half as many, and those whose lengths
    add up to `length` are added: log2(length) vector additions, and rounding errors of that order.

    >>> window_sums(np.array([[1.0], [2.0], [4.0], [8.0]], np.float32), 3)
    array([[ 7.],
           [14.]], dtype=float32)
    """
    num_rows, dim = x_TD.shape
    part = x_TD.reshape(-1)  # a shift by one row is a shift by `dim`
    total, total_rows, part_rows = None, 0, 1
    while True:
        if length & part_rows:
            if total is None:
                total = part
            else:
                num = (num_rows - total_rows - part_rows + 1) * dim
                total = total[:num] + part[total_rows * dim :][:num]
            total_rows += part_rows
        if total_rows == length:
            return total.reshape(-1, dim)
        half = part_rows * dim
        part = part[:-half] + part[half:]
        part_rows *= 2
