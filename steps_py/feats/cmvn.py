r"""Cepstral mean and variance normalisation: over a sliding window, or over whole utterances.

Sliding window.  Frame ``t`` becomes ``x[t] - mean(x[start:end])``, with
``[start, end)`` from `window_bounds`.  All sums are float64, and the cost does not
depend on the window's length.

Shape suffixes (scope: this module):
    T = frames   D = feature dimension   R = requested rows of the T   W = windows

Parity: Kaldi ``src/feat/feature-functions.cc`` (SlidingWindowCmn) and
``src/transform/cmvn.cc``.
"""

import numpy as np

from steps_py.errors import ConfigError, StepsError

SLIDING_VARIANCE_FLOOR = 1e-10
UTTERANCE_VARIANCE_FLOOR = 1e-20
_BLOCK_FRAMES = 512  # temporaries of one block stay in the processor's cache


def sliding_cmn(
    x_TD: np.ndarray,
    window_frames: int = 600,
    min_window_frames: int = 100,
    center: bool = True,
    norm_vars: bool = False,
    on_floor=None,
) -> np.ndarray:
    """Subtract from every frame the mean of the window around (or before) it.

    Parameters
    ----------
    x_TD : float array of shape (T, D)
        Features, one row a frame.
    window_frames : int
        Length of the window.  Near the ends a centred window is shifted inwards,
        not shortened; it is shorter only if the utterance is.
    min_window_frames : int
        Shortest window at the start of the utterance when `center` is False.
    center : bool
        True: ``window_frames // 2`` frames before ``t``, the rest after.
        False: the frame itself and the `window_frames` frames before it.
    norm_vars : bool
        Divide by the standard deviation of the window as well; variances below
        1e-10 are raised to that.
    on_floor : callable, optional
        Called as ``on_floor(num_elements, num_window_frames)`` for every frame of
        which variances were floored.

    Returns
    -------
    y_TD : float32 array of shape (T, D)

    Raises
    ------
    ConfigError
        If the window is empty.

    Examples
    --------
    >>> import numpy as np
    >>> sliding_cmn(np.array([[0.0], [3.0], [6.0], [15.0]]), window_frames=3)
    array([[-3.],
           [ 0.],
           [-2.],
           [ 7.]], dtype=float32)
    """
    x_TD = np.asarray(x_TD)
    num_frames = len(x_TD)
    if norm_vars or not center or num_frames <= 1:
        rows_T = np.arange(num_frames)
        bounds = window_bounds(rows_T, num_frames, window_frames, min_window_frames, center)
        return normalise_rows(x_TD, rows_T, *bounds, norm_vars, on_floor)

    y_TD = x_TD.astype(np.float64)
    mean_WD = _moving_means(y_TD, min(_checked(window_frames), num_frames))
    moves = min(window_frames // 2, num_frames)  # from here on the window moves, until it
    rests = min(moves + len(mean_WD), num_frames)  # comes to rest at the last frames
    y_TD[:moves] -= mean_WD[0]
    y_TD[moves:rests] -= mean_WD[: rests - moves]
    y_TD[rests:] -= mean_WD[-1]
    return y_TD.astype(np.float32)


def sliding_cmn_rows(
    x_TD: np.ndarray,
    rows_R: np.ndarray,
    window_frames: int = 600,
    min_window_frames: int = 100,
    center: bool = True,
    norm_vars: bool = False,
) -> np.ndarray:
    """`sliding_cmn` of the requested rows only, with the same values.

    `rows_R` are frame indices in any order, repeats allowed, for example the voiced frames of a
    chunk. Frames after the last window are not read.

    Examples
    --------
    >>> import numpy as np
    >>> x_TD = np.array([[0.0], [3.0], [6.0], [15.0]])
    >>> sliding_cmn_rows(x_TD, [3, 1], window_frames=3)
    array([[7.],
           [0.]], dtype=float32)
    """
    x_TD = np.asarray(x_TD)
    num_frames = len(x_TD)
    rows_R = np.asarray(rows_R, dtype=np.int64)
    start_R, end_R = window_bounds(rows_R, num_frames, window_frames, min_window_frames, center)
    if norm_vars or not center or num_frames <= 1 or len(rows_R) == 0:
        return normalise_rows(x_TD, rows_R, start_R, end_R, norm_vars)
    x_TD = x_TD[: end_R.max()].astype(np.float64)
    mean_WD = _moving_means(x_TD, min(window_frames, num_frames))
    return (x_TD[rows_R] - mean_WD[start_R]).astype(np.float32)


def normalise_rows(
    x_TD: np.ndarray,
    rows_R: np.ndarray,
    start_R: np.ndarray,
    end_R: np.ndarray,
    norm_vars: bool = False,
    on_floor=None,
) -> np.ndarray:
    """Row ``rows_R[i]`` of `x_TD`, normalised by the frames ``[start_R[i], end_R[i])``.

    For callers that read part of an utterance: call `window_bounds` for the whole one, read the
    frames from ``start_R.min()`` to ``end_R.max()``, and subtract ``start_R.min()`` from all three
    index arrays.
    """
    y_RD = np.empty((len(rows_R), x_TD.shape[1]), np.float32)
    if len(rows_R) == 0:
        return y_RD
    sums_TD = _prefix_sums(x_TD[: end_R.max()])
    squares_TD = _prefix_sums(x_TD[: end_R.max()], square=True) if norm_vars else None
    for r in range(0, len(rows_R), _BLOCK_FRAMES):
        rows, start, end = (index[r : r + _BLOCK_FRAMES] for index in (rows_R, start_R, end_R))
        count_R1 = (end - start)[:, np.newaxis]
        mean_RD = (sums_TD[end] - sums_TD[start]) / count_R1
        y = x_TD[rows] - mean_RD
        if norm_vars:
            variance_RD = (squares_TD[end] - squares_TD[start]) / count_R1 - mean_RD**2
            y *= _inverse_deviation(variance_RD, count_R1, on_floor)
        y_RD[r : r + _BLOCK_FRAMES] = y
    return y_RD


def window_bounds(
    rows_R: np.ndarray,
    num_frames: int,
    window_frames: int = 600,
    min_window_frames: int = 100,
    center: bool = True,
) -> tuple[np.ndarray, np.ndarray]:
    """First frame, and one past the last frame, of the window of each of `rows_R`.

    >>> window_bounds(np.arange(5), 5, window_frames=3)
    (array([0, 0, 1, 2, 2]), array([3, 3, 4, 5, 5]))
    >>> window_bounds(np.arange(5), 5, window_frames=2, min_window_frames=2, center=False)
    (array([0, 0, 0, 1, 2]), array([2, 2, 3, 4, 5]))
    """
    _checked(window_frames)
    rows_R = np.asarray(rows_R, dtype=np.int64)
    if center:
        start_R = np.maximum(rows_R - window_frames // 2, 0)
        end_R = start_R + window_frames
    else:
        start_R = np.maximum(rows_R - window_frames, 0)
        end_R = np.maximum(rows_R + 1, min_window_frames)
    overhang_R = np.maximum(end_R - num_frames, 0)
    return np.maximum(start_R - overhang_R, 0), end_R - overhang_R


def cmvn_stats(x_TD: np.ndarray, weights_T: np.ndarray | None = None) -> np.ndarray:
    """Statistics of `apply_cmvn`: sums and sums of squares, float64 of shape (2, D + 1).

    The last column has the count (the sum of the weights) and a zero.
    Statistics of several utterances are added: ``sum(cmvn_stats(x) for x in utterances)``.

    >>> cmvn_stats(np.array([[1.0, 2.0], [3.0, 4.0]], np.float32))
    array([[ 4.,  6.,  2.],
           [10., 20.,  0.]])
    """
    x_TD = np.asarray(x_TD, np.float32)
    stats = np.zeros((2, x_TD.shape[1] + 1))
    if weights_T is None:
        stats[0, :-1] = x_TD.sum(axis=0, dtype=np.float64)
        stats[1, :-1] = np.square(x_TD).sum(axis=0, dtype=np.float64)
        stats[0, -1] = len(x_TD)
        return stats
    weights_T = np.asarray(weights_T, np.float32)
    if weights_T.shape != x_TD.shape[:1]:
        raise StepsError(f"cmvn: {len(weights_T)} weights for {len(x_TD)} frames")
    weights_T1 = weights_T[:, np.newaxis]
    stats[0, :-1] = (x_TD * weights_T1).sum(axis=0, dtype=np.float64)
    stats[1, :-1] = (np.square(x_TD) * weights_T1).sum(axis=0, dtype=np.float64)
    stats[0, -1] = weights_T.sum(dtype=np.float64)
    return stats


def apply_cmvn(
    x_TD: np.ndarray, stats: np.ndarray, norm_vars: bool = False, reverse: bool = False
) -> np.ndarray:
    """Normalise by the statistics of `cmvn_stats` of an utterance, a speaker or a corpus.

    With `reverse`, features of mean 0 (and variance 1) get the mean (and variance) of
    `stats` instead.  Returns float32 of shape (T, D).  Raises StepsError if the
    statistics are of another dimension, of less than one frame, or lack the squares.

    >>> x_TD = np.array([[1.0], [3.0]], np.float32)
    >>> apply_cmvn(x_TD, cmvn_stats(x_TD), norm_vars=True)
    array([[-1.],
           [ 1.]], dtype=float32)
    """
    x_TD = np.asarray(x_TD, np.float32)
    stats = np.asarray(stats, np.float64)
    _check_stats(stats, x_TD, norm_vars)
    mean_D = stats[0, :-1] / stats[0, -1]
    if not norm_vars:
        return x_TD + np.float32(mean_D if reverse else -mean_D)
    deviation_D = np.sqrt(
        np.maximum(stats[1, :-1] / stats[0, -1] - mean_D**2, UTTERANCE_VARIANCE_FLOOR)
    )
    if not np.isfinite(deviation_D).all():
        raise StepsError("cmvn: mean or variance is not finite. Look for nan in the features.")
    if reverse:
        return x_TD * np.float32(deviation_D) + np.float32(mean_D)
    return x_TD * np.float32(1 / deviation_D) + np.float32(-mean_D / deviation_D)


def ignore_dims(stats: np.ndarray, dims: list[int]) -> np.ndarray:
    """A copy of `stats` with mean 0 and variance 1 in `dims`, which are then not changed."""
    stats = np.array(stats, np.float64)
    dim = stats.shape[1] - 1
    wrong = [d for d in dims if not 0 <= d < dim]
    if wrong or len(stats) != 2:
        raise StepsError(f"cmvn: cannot skip dimension {wrong or dims} of {dim}-dimensional stats")
    stats[0, dims] = 0.0
    stats[1, dims] = stats[0, -1]
    return stats


def _check_stats(stats, x_TD, norm_vars):
    if stats.ndim != 2 or stats.shape[0] not in (1, 2) or stats.shape[1] != x_TD.shape[1] + 1:
        raise StepsError(
            f"cmvn: statistics have shape {stats.shape}, {x_TD.shape[1]}-dimensional features"
            f" need (2, {x_TD.shape[1] + 1}). Were they computed from other features?"
        )
    if norm_vars and len(stats) == 1:
        raise StepsError("cmvn: the statistics hold no squares; variances cannot be normalised")
    if not stats[0, -1] >= 1.0:
        raise StepsError(f"cmvn: statistics of {stats[0, -1]:g} frames, at least one is needed")


def _checked(window_frames):
    if window_frames < 1:
        raise ConfigError(f"cmvn: window_frames must be >= 1, got {window_frames}")
    return window_frames


def _moving_means(x_TD, length):
    """Means of the rows ``[w, w + length)`` of a float64 array, for every w.

    Shape (T - length + 1, D). Each mean is the previous one plus a difference.
    """
    dim = x_TD.shape[1]
    mean_WD = np.zeros((len(x_TD) - length + 1, dim + dim % 2))
    mean_WD[0, :dim] = x_TD[:length].sum(axis=0)
    np.subtract(x_TD[length:], x_TD[:-length], out=mean_WD[1:, :dim])
    mean_WD *= 1.0 / length
    return _accumulate(mean_WD)[:, :dim]


def _prefix_sums(x_TD, square=False):
    """Float64 sums of the first t rows, for t = 0..T; shape (T + 1, D)."""
    num_frames, dim = x_TD.shape
    sums_TD = np.zeros((num_frames + 1, dim + dim % 2))
    sums_TD[1:, :dim] = x_TD
    if square:
        np.square(sums_TD, out=sums_TD)
    return _accumulate(sums_TD)[:, :dim]


def _accumulate(x_TD):
    """Cumulative sum down the columns, in place; D must be even.

    Pairs of columns are added as complex numbers: numpy's cumulative sum is limited by the latency
    of an addition, and a complex addition has two in parallel.
    """
    pairs = x_TD.view(np.complex128)
    np.add.accumulate(pairs, axis=0, out=pairs)
    return x_TD


def _inverse_deviation(variance_RD, count_R1, on_floor):
    low_RD = variance_RD < SLIDING_VARIANCE_FLOOR
    if on_floor:
        for row in np.flatnonzero(low_RD.any(axis=1) & (count_R1[:, 0] > 1)):
            on_floor(int(low_RD[row].sum()), int(count_R1[row, 0]))
    scale_RD = 1.0 / np.sqrt(np.where(low_RD, SLIDING_VARIANCE_FLOOR, variance_RD))
    return np.where(count_R1 == 1, 0.0, scale_RD)  # one frame has no variance
