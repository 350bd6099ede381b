"""Averages of maps over trials: for each feature dimension, and for each label of frames.

Shape suffixes (scope: this module):
    T = voiced frames   D = feature dimension   L = distinct labels of a map
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

KINDS = ("target", "nontarget")


class Average(NamedTuple):
    """A row of results/attribution.tsv.

    Attributes
    ----------
    trials : str
        target or nontarget.
    part : str
        dimension or label.
    name : str
        The number of a dimension, from 0; a label, or its name.
    frequency_hz : float
        Of a dimension; nan for others.
    frames_share : float
        The share of voiced frames, 1 for a dimension.
    share : float
        The mean over maps of its share of the map's absolute values.
    signed_share : float
        The same, with what lowers the score negative.
    num_maps : int
    """

    trials: str
    part: str
    name: str
    frequency_hz: float
    frames_share: float
    share: float
    signed_share: float
    num_maps: int


class Averages:
    """Collects maps, each scaled to a sum of absolute values of 1, so that all count the same.

    >>> averages = Averages(None)
    >>> averages.add("target", np.array([[1.0, -3.0]]), None)
    >>> [(row.name, row.share, row.signed_share) for row in averages.rows()]
    [('0', 0.25, 0.25), ('1', 0.75, -0.75)]

    Parameters
    ----------
    frequencies_hz : float array (D,), optional
        Of the dimensions, nan for those without.
    label_names : sequence of str, optional
        The names of the labels 0, 1, ...; without it the numbers stand for themselves.
    """

    def __init__(self, frequencies_hz: np.ndarray | None, label_names: Sequence[str] | None = None):
        self._frequencies_hz, self._label_names = frequencies_hz, label_names
        self._found = defaultdict(list)
        self._num_maps = defaultdict(int)

    def add(self, kind: str, map_TD: np.ndarray, label_T: np.ndarray | None) -> None:
        """Add the map of a recording in a trial of a kind; a map of zeros does not count."""
        total = np.abs(map_TD).sum()
        if total == 0:
            return
        self._num_maps[kind] += 1
        map_TD = map_TD / total
        for index, column_T in enumerate(map_TD.T):
            self._found[kind, "dimension", index].append(_shares(column_T, 1.0))
        if label_T is None:
            return
        for label in np.unique(label_T).tolist():
            is_label_T = label_T == label
            self._found[kind, "label", label].append(
                _shares(map_TD[is_label_T], float(is_label_T.mean()))
            )

    def rows(self) -> Iterator[Average]:
        """The averages over all maps of a kind; maps without a label count as 0 for it."""
        for (kind, part, index), shares in sorted(self._found.items()):
            num = self._num_maps[kind]
            frames, share, signed = (float(x) for x in np.sum(shares, axis=0) / num)
            has_hz = part == "dimension" and self._frequencies_hz is not None
            hz = float(self._frequencies_hz[index]) if has_hz else float("nan")
            names = self._label_names if part == "label" else None
            name = str(index) if names is None else names[index]
            yield Average(kind, part, name, hz, frames, share, signed, num)


def _shares(values, frames_share):
    return frames_share, float(np.abs(values).sum()), float(values.sum())
