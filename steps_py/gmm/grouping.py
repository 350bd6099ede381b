"""Pairs of a frame and a Gaussian in the order of the Gaussians.

A Gaussian's frames together are one matrix product; frame by frame they are many small ones.
"""

import numpy as np

from steps_py.errors import KaldiError


def by_gaussian(selection, num_gauss: int):
    """(order, frame, groups) of a Selection or Posterior, sorted by Gaussian.

    `order` sorts the pairs, `frame` has their frames in that order, and `groups` yields (Gaussian,
    start, end) of each Gaussian that occurs.

    >>> from steps_py.formats.posteriors import Selection
    >>> order, frame, groups = by_gaussian(Selection.of([[1, 0], [1]]), num_gauss=3)
    >>> order.tolist(), frame.tolist(), list(groups)
    ([1, 0, 2], [0, 0, 1], [(0, 0, 1), (1, 1, 3)])

    Raises
    ------
    KaldiError
        If an index is not one of a Gaussian.
    """
    check_indices(selection, num_gauss)
    narrow = np.uint16 if num_gauss <= 1 << 16 else np.int64  # short integers are sorted faster
    order = np.argsort(selection.index_P.astype(narrow), kind="stable")
    ends = np.cumsum(np.bincount(selection.index_P, minlength=num_gauss)).tolist()
    groups = ((g, a, b) for g, (a, b) in enumerate(zip([0, *ends], ends, strict=False)) if b > a)
    return order, selection.frame_P()[order], groups


def check_indices(selection, num_gauss: int) -> None:
    """Raise KaldiError if an index is not one of `num_gauss` Gaussians."""
    index_P = selection.index_P
    if index_P.size and not (index_P.min() >= 0 and index_P.max() < num_gauss):
        raise KaldiError(
            f"selects Gaussian {index_P.max() if index_P.min() >= 0 else index_P.min()}, but the"
            f" model has {num_gauss}. Were the indices computed with another model?"
        )
