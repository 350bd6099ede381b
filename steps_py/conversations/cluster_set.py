"""X-vectors of windows -> turns of speakers, for one recording and for a set.

Shape suffixes (scope: this module):
    N = windows of a recording   D = dimension of x-vectors
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from steps_py.conversations.window_table import Stretch
from steps_py.diarization.clusterers import CLUSTERERS
from steps_py.diarization.clusterers.base import Clusterer
from steps_py.diarization.turns import Turn
from steps_py.errors import ConfigError
from steps_py.settings.build import build


def build_clusterer(
    options: Mapping[str, Any], tuned: Mapping[str, Any] | None = None
) -> Clusterer:
    """The clusterer of an entry of diarization.systems, with some options replaced.

    >>> build_clusterer({"name": "ahc"}, {"threshold": 0.1}).config.threshold
    0.1
    """
    options = {**options, **(tuned or {})}
    name = options.pop("name")
    cls = CLUSTERERS.find(name)
    return cls(build(cls.Config, options, f"diarization.systems.{name}"))


def read_tuned(path: str | Path | None) -> dict[str, Any]:
    """The options that `tune_diarizer` chose; none without a file."""
    return json.loads(Path(path).read_text())["options"] if path else {}


def labels_of(
    clusterer: Clusterer,
    x_ND: np.ndarray,
    plda=None,
    num_speakers: int | None = None,
    bounds: tuple[int | None, int | None] = (None, None),
) -> np.ndarray:
    """The speaker of each window, int (N,), numbered from 1 in the order in which they appear.

    Parameters
    ----------
    clusterer : Clusterer
    x_ND : float array of shape (N, D)
    plda : Plda, optional
    num_speakers : int, optional
        If it is known.
    bounds : (int or None, int or None)
        Fewest and most speakers, if it is not: the estimate is repeated with the nearer bound.
    """
    num_windows = len(x_ND)
    if num_windows < 2:
        return np.ones(num_windows, int)
    if num_speakers is not None:
        label_N = clusterer.labels(x_ND, plda, min(num_speakers, num_windows))
        return _renumbered(label_N)
    label_N = clusterer.labels(x_ND, plda)
    found = len(np.unique(label_N))
    least, most = bounds
    wanted = max(found, least or 1)
    wanted = min(wanted, most or wanted, num_windows)
    return _renumbered(label_N if wanted == found else clusterer.labels(x_ND, plda, wanted))


def _renumbered(label_N):
    _, first_N, row_N = np.unique(label_N, return_index=True, return_inverse=True)
    number = np.empty(len(first_N), int)
    number[np.argsort(first_N)] = np.arange(1, len(first_N) + 1)
    return number[row_N]


def turns_of(recording: str, windows: Sequence[Stretch], label_N: np.ndarray) -> list[Turn]:
    """The turns of labelled windows in order of time.

    Where windows of two speakers overlap, the middle of the overlap is the change.  Speakers are
    named ``<recording>-1`` and so on, as Kaldi's make_rttm.py joins and names them.

    >>> turns_of("r", [(0.0, 1.5), (0.75, 2.25), (1.5, 3.0)], np.array([1, 1, 2]))[1]
    Turn(recording='r', start_sec=1.875, end_sec=3.0, speaker='r-2')
    """
    turns: list[list] = []
    for (begin, end), label in zip(windows, label_N.tolist(), strict=True):
        last = turns[-1] if turns else None
        if last and begin <= last[1] and last[2] == label:
            last[1] = max(last[1], end)
            continue
        if last and begin < last[1]:
            begin = last[1] = (begin + last[1]) / 2
        turns.append([begin, end, label])
    return [
        Turn(recording, round(begin, 6), round(end, 6), f"{recording}-{label}")
        for begin, end, label in turns
        if begin < end
    ]


def known_number(num_speakers: Mapping[str, int] | None, name: str) -> int | None:
    """Of the speakers of a recording; None without `num_speakers`.

    Raises ConfigError if the other recordings' are known.
    """
    if num_speakers is None:
        return None
    if name not in num_speakers:
        raise ConfigError(
            f"diarization.known_num_speakers is true, but {name} has neither a reference nor a"
            " line in reco2num_spk. Give one, or set it to false."
        )
    return num_speakers[name]


def cluster_set(
    clusterer: Clusterer,
    xvectors: Mapping[str, np.ndarray],
    windows: Mapping[str, Sequence[Stretch]],
    plda=None,
    num_speakers: Mapping[str, int] | None = None,
    max_speakers: int | None = None,
) -> list[Turn]:
    """The turns of all recordings, sorted.

    Parameters
    ----------
    xvectors : mapping of recordings to float arrays (N, D)
    windows : mapping of recordings to N stretches each
    num_speakers : mapping of recordings to int, optional
        Known numbers of speakers.
    max_speakers : int, optional

    Raises
    ------
    ConfigError
        If the number of speakers of a recording is to be known and is not.
    """
    turns = []
    for name, x_ND in xvectors.items():
        known = known_number(num_speakers, name)
        label_N = labels_of(clusterer, x_ND, plda, known, (None, max_speakers))
        turns += turns_of(name, windows[name], label_N)
    return sorted(turns)
