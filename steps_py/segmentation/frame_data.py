"""Features of recordings and who speaks in each of their frames, by recording and position.

Shape suffixes (scope: this module):
    U = recordings   T = frames   D = feature dimension   S = speakers   B = windows of a batch
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from steps_py.chunks.sampler import Batch
from steps_py.data.data_dir import read_table
from steps_py.data.sources import digest_of_file
from steps_py.diarization.rttm import read_rttm
from steps_py.diarization.turns import by_recording
from steps_py.draws import generator
from steps_py.errors import DataDirError, some
from steps_py.formats.archives import Locations, MatrixIndex
from steps_py.segmentation.tasks.base import Task


class FrameData:
    """The recordings of sets with a reference.

    Parameters
    ----------
    tables : sequence of (path, path)
        feats.scp of each set, and its RTTM file.
    frame_shift_sec : float
    min_frames : int
        Shorter recordings are left out.

    Attributes
    ----------
    names : list of str
    num_frames_U : int64 array
    digest : str
        SHA-256 of the tables.

    Raises
    ------
    DataDirError
        If no recording is long enough, two have the same name, or features differ in dimension.
    """

    def __init__(
        self, tables: Sequence[tuple[Path, Path]], frame_shift_sec: float, min_frames: int
    ):
        feats: dict[str, str] = {}
        turns: dict[str, list] = {}
        for scp, rttm in tables:
            own = read_table(scp)
            if twice := feats.keys() & own.keys():
                raise DataDirError(
                    f"{scp}: {len(twice)} recordings ({some(sorted(twice))}) are also in another"
                    " set of the training. Rename them."
                )
            feats |= own
            turns |= by_recording(read_rttm(rttm))
        index = MatrixIndex(list(feats), Locations(feats.values()))
        rows = np.flatnonzero(index.num_rows_U >= min_frames)
        if not len(rows):
            raise DataDirError(
                f"{tables[0][0]}: none of {len(feats)} recordings has {min_frames} frames. Lower"
                " window_sec, or give longer recordings."
            )
        if (index.num_cols_U != index.num_cols_U[0]).any():
            raise DataDirError(
                f"{tables[0][0]}: its features differ in dimension. Compute them again."
            )
        self._index, self._rows, self._shift_sec = index, rows, frame_shift_sec
        self.names = [list(feats)[row] for row in rows]
        self.num_frames_U = index.num_rows_U[rows].astype(np.int64)
        self.feat_dim = int(index.num_cols_U[0])
        self._turns = [_edges(turns.get(name, [])) for name in self.names]
        paths = [path for pair in tables for path in pair]
        digests = "".join(map(digest_of_file, paths)) + str(min_frames)
        self.digest = hashlib.sha256(digests.encode()).hexdigest()

    def __len__(self):
        return len(self.names)

    def features(self, row: int, first: int, num_frames: int) -> np.ndarray:
        """Frames [first, first + num_frames) of a recording, float32 (num_frames, D)."""
        return self._index.rows(int(self._rows[row]), first, first + num_frames)

    def active(self, row: int, first: int, num_frames: int) -> np.ndarray:
        """Who speaks in the middles of these frames, bool (num_frames, S), of S who do."""
        start_N, end_N, speaker_N = self._turns[row]
        begin_sec = (first + 0.5) * self._shift_sec
        last_sec = begin_sec + num_frames * self._shift_sec
        near = np.flatnonzero((start_N < last_sec) & (end_N > begin_sec))
        speakers, column_N = np.unique(speaker_N[near], return_inverse=True)
        active_TS = np.zeros((num_frames, len(speakers)), bool)
        for turn, column in zip(near, column_N, strict=True):
            edges = (np.array([start_N[turn], end_N[turn]]) - begin_sec) / self._shift_sec
            begin, end = np.clip(np.ceil(edges - 1e-6), 0, num_frames).astype(int)
            active_TS[begin:end, column] = True
        return active_TS


def _edges(turns):
    """Begins, ends and numbers of speakers of turns."""
    speakers = sorted({turn.speaker for turn in turns})
    return (
        np.array([turn.start_sec for turn in turns], float),
        np.array([turn.end_sec for turn in turns], float),
        np.array([speakers.index(turn.speaker) for turn in turns], int),
    )


class WindowSampler:
    """Draws windows, uniform over all positions, as a pure function of (seed, step).

    Parameters
    ----------
    num_frames_U : int array
    window_frames, batch_size, seed : int
    """

    utts_per_speaker = 1

    def __init__(self, num_frames_U: np.ndarray, window_frames: int, batch_size: int, seed: int):
        self.num_frames_U = num_frames_U
        self._window_frames, self._batch_size, self._seed = window_frames, batch_size, seed
        self._end_U = np.cumsum(num_frames_U - window_frames + 1)

    def batch(self, step: int) -> Batch:
        """The windows of a step, counted from 0 over all epochs."""
        place_B = generator(self._seed, "windows", step).integers(
            self._end_U[-1], size=self._batch_size
        )
        rows_B = np.searchsorted(self._end_U, place_B, side="right")
        first_B = place_B - np.concatenate([[0], self._end_U])[rows_B]
        return Batch(rows_B, first_B, np.zeros_like(rows_B), self._window_frames, step=step)


class WindowReader:
    """Reads the features and the targets of windows."""

    def __init__(self, data: FrameData, task: Task):
        self._data, self._task, self.feat_dim = data, task, data.feat_dim

    def read(self, batch: Batch) -> tuple[np.ndarray, ...]:
        """Float32 features (B, T, D), and the targets of the task."""
        windows = list(zip(batch.rows_B.tolist(), batch.first_B.tolist(), strict=True))
        x_BTD = np.stack([self._data.features(*w, batch.num_frames) for w in windows])
        targets = [self._task.target(self._data.active(*w, batch.num_frames)) for w in windows]
        return x_BTD, np.stack(targets)

    def decode(
        self, batch: tuple[torch.Tensor, ...], device: torch.device
    ) -> tuple[torch.Tensor, ...]:
        """The batch unchanged: `read` returns features."""
        return batch

    def chunk_bytes(self, num_frames: int) -> int:
        """Bytes of a window with its targets."""
        return (4 * self.feat_dim + 8) * num_frames
