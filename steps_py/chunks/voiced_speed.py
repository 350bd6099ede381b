"""Voice decisions of utterances that are played at another speed.

Array suffixes (scope: this module):
    T = frames   U = utterances   B = chunks
"""

import numpy as np

from steps_py.chunks.voiced_frames import NO_FRAME, VoicedFrames


def num_frames_at_speed(num_frames: int, speed: float) -> int:
    """Lower bound on the number of frames at a speed, given the number at speed 1.

    >>> num_frames_at_speed(300, 1.0), num_frames_at_speed(300, 1.1), num_frames_at_speed(300, 0.9)
    (300, 271, 332)
    """
    return num_frames if speed == 1 else max(1, int(num_frames / speed) - 1)


def voiced_at_speed(frames: np.ndarray, num_frames: int, speed: float) -> np.ndarray:
    """Voiced frames at a speed: those whose nearest frame at speed 1 is in `frames`.

    >>> voiced_at_speed(np.array([2, 3]), 8, 0.5)
    array([3, 4, 5, 6])
    """
    if speed == 1:
        return frames
    voiced_T = np.zeros(num_frames, bool)
    voiced_T[frames] = True
    at_T = np.rint(np.arange(num_frames_at_speed(num_frames, speed)) * speed).astype(np.int64)
    return voiced_T[np.minimum(at_T, num_frames - 1)].nonzero()[0]


class VoicedAtSpeeds:
    """As VoicedFrames, with utterance u played at ``speed_U[u]``."""

    def __init__(self, voiced: VoicedFrames, speed_U: np.ndarray):
        self._voiced, self._speed_U = voiced, speed_U
        pairs = list(zip(voiced.num_frames_U.tolist(), speed_U.tolist(), strict=True))
        self.num_frames_U = np.array([num_frames_at_speed(*pair) for pair in pairs], np.int64)

    def frames(self, row: int) -> np.ndarray:
        """Indices of the voiced frames of an utterance, ascending; int64."""
        num_frames, speed = int(self._voiced.num_frames_U[row]), float(self._speed_U[row])
        return voiced_at_speed(self._voiced.frames(row), num_frames, speed)

    def at(self, row_B: np.ndarray, index_BT: np.ndarray) -> np.ndarray:
        """As `VoicedFrames.at`."""
        frame_BT = np.full(index_BT.shape, NO_FRAME, np.int32)
        for frame_T, row, index_T in zip(frame_BT, row_B.tolist(), index_BT, strict=True):
            frames = self.frames(row)
            exists_T = index_T < len(frames)
            frame_T[exists_T] = frames[index_T[exists_T]]
        return frame_BT
