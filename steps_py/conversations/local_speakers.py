"""Speakers of short windows, as a network hears them, and the same speakers in all windows.

A network of `steps_py.segmentation` with task powerset tells apart the speakers of each window, in
an order that is free.  Each speaker of a window has an x-vector; clusters of these are the speakers
of the recording.

Reference: K. Kinoshita, M. Delcroix and N. Tawara, "Integrating end-to-end neural and
clustering-based diarization: Getting the best of both worlds", ICASSP 2021; the votes of windows
that overlap as in H. Bredin, "pyannote.audio 2.1 speaker diarization pipeline", Interspeech 2023.

Shape suffixes (scope: this module):
    W = windows   T = frames   S = speakers of a window   N = speakers of all windows with an
    x-vector   D = dimension of x-vectors   K = speakers of the recording
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from steps_py.conversations.speech.base import joined, stretches_of_frames
from steps_py.diarization.clusterers.base import means_of, unit_rows
from steps_py.diarization.turns import Turn


@dataclass(frozen=True)
class LocalSpeakers:
    """Who speaks when in the windows of a recording.

    Attributes
    ----------
    first_W : sequence of int
        First frame of each window.
    active : sequence of bool arrays (T, S)
    shift_sec : float
        Of frames.
    """

    first_W: Sequence[int]
    active: Sequence[np.ndarray]
    shift_sec: float

    @property
    def num_frames(self) -> int:
        ends = [
            first + len(active_TS)
            for first, active_TS in zip(self.first_W, self.active, strict=True)
        ]
        return max(ends, default=0)

    def speakers(self, min_sec: float) -> list[tuple[int, int]]:
        """Window and number of each speaker who speaks at least so long."""
        return [
            (window, speaker)
            for window, active_TS in enumerate(self.active)
            for speaker in np.flatnonzero(
                active_TS.sum(axis=0) * self.shift_sec >= min_sec - 1e-9
            ).tolist()
        ]

    def frames_of(self, window: int, speaker: int, min_sec: float) -> np.ndarray:
        """Frames in which the speaker is alone; if that is too short, all of the speaker's."""
        active_TS = self.active[window]
        own_T = active_TS[:, speaker]
        alone_T = own_T & (active_TS.sum(axis=1) == 1)
        chosen_T = alone_T if alone_T.sum() * self.shift_sec >= min_sec - 1e-9 else own_T
        return self.first_W[window] + np.flatnonzero(chosen_T)


def one_each(
    speakers: Sequence[tuple[int, int]], x_ND: np.ndarray, label_N: np.ndarray
) -> np.ndarray:
    """Labels such that the speakers of a window differ, as far as there are enough clusters.

    Those of a window are assigned together, by the cosines with the means of the clusters.

    >>> x_ND = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.1], [0.9, 0.4]])
    >>> one_each([(0, 0), (1, 0), (2, 0), (2, 1)], x_ND, np.array([1, 2, 1, 1])).tolist()
    [1, 2, 1, 2]
    """
    names = np.unique(label_N)
    x_ND = unit_rows(x_ND)
    mean_KD, _ = means_of(x_ND, label_N)
    cosine_NK = x_ND @ unit_rows(mean_KD).T
    label_N = label_N.copy()
    window_N = np.array([window for window, _ in speakers])
    for window in np.unique(window_N):
        own = np.flatnonzero(window_N == window)
        if len(np.unique(label_N[own])) < len(own) <= len(names):
            rows, columns = linear_sum_assignment(-cosine_NK[own])
            label_N[own[rows]] = names[columns]
    return label_N


def turns_of_windows(
    recording: str,
    local: LocalSpeakers,
    speakers: Sequence[tuple[int, int]],
    label_N: np.ndarray,
    max_pause_sec: float,
) -> list[Turn]:
    """The turns of a recording, by the votes of all windows that have a frame.

    In each frame as many speak as do in the mean of its windows, rounded; these are the speakers
    with most votes.  Speakers are named ``<recording>-1`` and so on in the order in which they
    begin.

    >>> active_TS = np.repeat([[1, 0], [1, 1], [0, 1]], 10, axis=0).astype(bool)
    >>> local = LocalSpeakers([0, 10], [active_TS, active_TS[10:, ::-1]], 0.1)
    >>> speakers = local.speakers(min_sec=0.5)
    >>> speakers
    [(0, 0), (0, 1), (1, 0), (1, 1)]
    >>> found = turns_of_windows("r", local, speakers, np.array([1, 2, 2, 1]), 0.1)
    >>> [(turn.start_sec, turn.end_sec, turn.speaker) for turn in found]
    [(0.0, 2.0, 'r-1'), (1.0, 3.0, 'r-2')]
    """
    if not len(label_N):
        return []
    names, column_N = np.unique(label_N, return_inverse=True)
    votes_TK = np.zeros((local.num_frames, len(names)), np.float32)
    windows_T = np.zeros(local.num_frames)
    columns: dict[int, list] = {}
    for (window, speaker), column in zip(speakers, column_N, strict=True):
        columns.setdefault(window, []).append((speaker, column))
    for window, (first, active_TS) in enumerate(zip(local.first_W, local.active, strict=True)):
        inside = slice(first, first + len(active_TS))
        windows_T[inside] += 1
        own_TK = np.zeros((len(active_TS), len(names)), bool)
        for speaker, column in columns.get(window, []):
            own_TK[:, column] |= active_TS[:, speaker]
        votes_TK[inside] += own_TK
    number_T = np.floor(votes_TK.sum(axis=1) / np.maximum(windows_T, 1) + 0.5)
    rank_TK = np.argsort(np.argsort(-votes_TK, axis=1, kind="stable"), axis=1)
    speaks_TK = (rank_TK < number_T[:, np.newaxis]) & (votes_TK > 0)
    found = []
    for column in range(len(names)):
        stretches = joined(
            stretches_of_frames(speaks_TK[:, column], local.shift_sec), max_pause_sec
        )
        found += [(begin, end, column) for begin, end in stretches]
    order = list(dict.fromkeys(column for *_, column in sorted(found)))
    return sorted(
        Turn(recording, begin, end, f"{recording}-{order.index(column) + 1}")
        for begin, end, column in found
    )
