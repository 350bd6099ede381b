"""Voice decisions of many utterances, kept in memory at one bit per frame.

Array suffixes (scope: this module):
    T = frames   U = utterances   B = chunks
"""

from collections.abc import Sequence

import numpy as np

from steps_py.errors import TableError
from steps_py.formats.archives import Locations, OpenFiles, naming, read_vector_at

NO_FRAME = -1
_FRAMES_AT_ONCE = 2**17  # few enough for their indices to stay in the processor's cache


def _decisions(decision_T, place):
    voiced_T = decision_T == 1
    if np.count_nonzero(decision_T) != np.count_nonzero(voiced_T):
        path, offset = place
        raise TableError(
            f"{path}:{offset}: decisions other than 0 and 1. The archive is damaged or was not"
            " written by compute-vad; compute it again."
        )
    return voiced_T


class VoicedFrames:
    """The decisions of `compute-vad` (vad.scp), read once, in file order.

    Identical entries are read and stored once, as augmented copies share the decisions of their
    original.  Decisions are 1 for voiced frames and 0 for others; other values raise TableError.

    Parameters
    ----------
    utts : sequence of str
        Names, for messages.  A row is an index into them.
    places : Locations

    Attributes
    ----------
    num_frames_U, num_voiced_U : int64 arrays
        All frames, and voiced frames, of each utterance.
    """

    def __init__(self, utts: Sequence[str], places: Locations):
        assert len(utts) == len(places)
        self.num_frames_U, self.num_voiced_U = np.zeros((2, len(places)), np.int64)
        self._start_U = np.zeros(len(places), np.int64)
        packed, files, previous, start, counts = [], OpenFiles(), None, 0, (0, 0)
        for row in places.in_file_order().tolist():
            place = places[row]
            if place != previous:
                with naming(utts[row]):
                    voiced_T = _decisions(read_vector_at(files, *place), place)
                start += len(packed[-1]) if packed else 0
                packed.append(np.packbits(voiced_T).tobytes())
                previous, counts = place, (len(voiced_T), np.count_nonzero(voiced_T))
            self.num_frames_U[row], self.num_voiced_U[row] = counts
            self._start_U[row] = start
        self._bits = b"".join(packed)

    def __len__(self):
        return len(self._start_U)

    def frames(self, row: int) -> np.ndarray:
        """Indices of the voiced frames of an utterance, ascending; int64."""
        start, num_frames = int(self._start_U[row]), int(self.num_frames_U[row])
        bits = np.frombuffer(self._bits, np.uint8, (num_frames + 7) // 8, start)
        return np.unpackbits(bits, count=num_frames).view(bool).nonzero()[0]

    def at(self, row_B: np.ndarray, index_BT: np.ndarray) -> np.ndarray:
        """``frames(row_B[b])[index_BT[b]]`` for every b, int32 (B, T); NO_FRAME after the last."""
        frame_BT = np.empty(index_BT.shape, np.int32)
        part_B = self.num_frames_U[row_B].cumsum() // _FRAMES_AT_ONCE
        bounds = [0, *(np.flatnonzero(np.diff(part_B)) + 1).tolist(), len(row_B)]
        for part in map(slice, bounds, bounds[1:]):
            frame_BT[part] = self._at(row_B[part], index_BT[part])
        return frame_BT

    def _at(self, row_B, index_BT):
        start_B, size_B = self._start_U[row_B], (self.num_frames_U[row_B] + 7) // 8
        places = map(slice, start_B.tolist(), (start_B + size_B).tolist())
        bits = b"".join(map(self._bits.__getitem__, places))
        frames = np.unpackbits(np.frombuffer(bits, np.uint8)).view(bool).nonzero()[0]
        num_B = self.num_voiced_U[row_B]
        beyond_B1 = (index_BT.max(axis=1) >= num_B)[:, np.newaxis]
        if beyond_B1.any():
            beyond_BT = index_BT >= num_B[:, np.newaxis]
            index_BT = np.where(beyond_BT, 0, index_BT)
            frames = np.append(frames, 0)  # there can be none at all
        first_B1 = (num_B.cumsum() - num_B)[:, np.newaxis]
        frame_BT = frames.take(index_BT + first_B1)
        frame_BT -= 8 * (size_B.cumsum() - size_B)[:, np.newaxis]
        if beyond_B1.any():
            frame_BT[beyond_BT] = NO_FRAME
        return frame_BT
