"""Steps after the clustering, for the recordings of a set.

Shape suffixes (scope: this module):
    N = windows of a recording   D = dimension of x-vectors
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from steps_py.backend.plda import Plda
from steps_py.conversations.cluster_set import turns_of
from steps_py.conversations.clustered import Clustered
from steps_py.conversations.overlap import with_second_speakers
from steps_py.conversations.resegmentation.base import Resegmentation
from steps_py.conversations.second_speakers.base import SecondSpeaker, choose_for
from steps_py.conversations.window_table import Stretch
from steps_py.diarization.turns import Turn, by_recording
from steps_py.errors import DataDirError


def resegment_set(
    method: Resegmentation,
    turns: Sequence[Turn],
    windows: Mapping[str, Sequence[Stretch]],
    xvectors: Mapping[str, np.ndarray],
    plda: Plda | None = None,
) -> list[Turn]:
    """The turns of all recordings, found again; sorted."""
    found = []
    for name, clustered in _clustered(turns, windows, xvectors, plda):
        rows_N = method.rows(clustered)
        again = turns_of(name, clustered.windows, rows_N)
        named = {f"{name}-{row}": speaker for row, speaker in enumerate(clustered.speakers)}
        found += [turn._replace(speaker=named[turn.speaker]) for turn in again]
    return sorted(found)


def add_second_speakers(
    method: SecondSpeaker,
    turns: Sequence[Turn],
    overlaps: Mapping[str, Sequence[Stretch]],
    windows: Mapping[str, Sequence[Stretch]],
    xvectors: Mapping[str, np.ndarray],
    plda: Plda | None = None,
) -> list[Turn]:
    """The turns of all recordings with second speakers in their overlaps; sorted."""
    found = []
    for name, clustered in _clustered(turns, windows, xvectors, plda):
        choose = choose_for(method, clustered)
        found += with_second_speakers(clustered.turns, overlaps.get(name, []), choose)
    return sorted(found)


def _clustered(turns, windows, xvectors, plda) -> Iterator[tuple[str, Clustered]]:
    for name, own in by_recording(turns).items():
        if name not in windows:
            raise DataDirError(
                f"{name}: has turns, but no windows. Give the turns and the windows of one set."
            )
        yield name, Clustered(own, windows[name], xvectors[name], plda)
