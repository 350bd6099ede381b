"""Labels of frames, such as phones, for the voiced frames of training utterances.

Array suffixes (scope: this module):
    B = chunks   T = frames   U = utterances
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from steps_py.chunks.allocation import Chunks
from steps_py.chunks.voiced_frames import VoicedFrames
from steps_py.errors import ConfigError, DataDirError, some
from steps_py.formats.holders import INTS
from steps_py.formats.tables import SequentialReader

NO_LABEL = 0


@dataclass(frozen=True)
class FrameLabels:
    """The labels of the voiced frames of some utterances, from 0.

    Attributes
    ----------
    label_F : uint16 array
        Of all utterances, one after the other.
    start_U : int64 array
        Where those of an utterance begin.
    """

    label_F: np.ndarray
    start_U: np.ndarray

    @property
    def digest(self) -> str:
        """SHA-256 (12 digits) of the labels."""
        return hashlib.sha256(self.label_F.tobytes()).hexdigest()[:12]

    def of_voiced_frames(self, row_B: np.ndarray, index_BT: np.ndarray) -> np.ndarray:
        """Labels (B, T) of voiced frames of utterances, int64."""
        return self.label_F[self.start_U[row_B][:, np.newaxis] + index_BT].astype(np.int64)


def read_frame_labels(
    path: str, chunks: Chunks, rows: np.ndarray, num_labels: int, lowest: int, where: str
) -> FrameLabels:
    """The labels of the utterances `rows` of `chunks` in a table of vectors of integers.

    The table has a label for each frame of the features; those of voiced frames are kept, as the
    features are.

    Raises
    ------
    StepsError
        If the table is not there or cannot be read, has no labels of an utterance, another number
        of them than there are frames, or a label out of range.
    """
    if not Path(path).exists():
        raise ConfigError(f"{where}: frame_labels: {path} is not there. Correct the path.")
    wanted = {chunks.utts[row]: row for row in rows.tolist()}
    voiced = VoicedFrames(chunks.utts, chunks.vad)
    found, start_U, end = [], np.full(len(chunks), -1), 0
    kind = "scp" if path.endswith(".scp") else "ark"
    with SequentialReader(f"{kind}:{path}", INTS) as table:
        for utt, labels in table:
            row = wanted.get(utt)
            if row is None:
                continue
            label_T = np.asarray(labels, np.int64) - lowest
            _check(label_T, int(voiced.num_frames_U[row]), num_labels, lowest, f"{path}: {utt}")
            found.append(label_T[voiced.frames(row)].astype(np.uint16))
            start_U[row], end = end, end + len(found[-1])
    missing = sorted(utt for utt, row in wanted.items() if start_U[row] < 0)
    if missing:
        raise DataDirError(
            f"{where}: {path} has no labels of {len(missing)} of {len(wanted)} training utterances"
            f" ({some(missing)}). Add them."
        )
    return FrameLabels(np.concatenate(found), start_U)


def _check(label_T, num_frames, num_labels, lowest, where):
    if len(label_T) != num_frames:
        raise DataDirError(
            f"{where} has {len(label_T)} labels, but {num_frames} frames of features. Align it"
            " again, with the same frame shift."
        )
    wrong_T = label_T[(label_T < 0) | (label_T >= num_labels)]
    if len(wrong_T):
        raise DataDirError(
            f"{where} has the label {wrong_T[0] + lowest}, but labels are from {lowest} to"
            f" {lowest + num_labels - 1}. Change num_labels or lowest_label."
        )
