"""Which frames of many utterances are voiced, in memory at a bit a frame.

Array suffixes (scope: this module):
    T = frames   U = utterances
"""

import numpy as np

from steps_py.archives import OpenFiles, naming, read_vector_at


class VoicedFrames:
    """The decisions of `compute-vad` (vad.scp), read once, in file order.

    Entries that are alike are read and kept once: augmented copies share the original's
    decisions.  A frame whose decision is above 0.5 is voiced.

    Parameters
    ----------
    utts : sequence of str
        Names, for messages; what is called a row below is an index into them.
    places : Locations

    Attributes
    ----------
    num_frames_U, num_voiced_U : int64 arrays
    """

    def __init__(self, utts, places):
        assert len(utts) == len(places)
        self.num_frames_U, self.num_voiced_U = np.zeros((2, len(places)), np.int64)
        self._start_U = np.zeros(len(places), np.int64)
        packed, files, previous, start, counts = [], OpenFiles(), None, 0, (0, 0)
        for row in places.in_file_order().tolist():
            place = places[row]
            if place != previous:
                with naming(utts[row]):
                    voiced_T = read_vector_at(files, *place) > 0.5
                start += len(packed[-1]) if packed else 0
                packed.append(np.packbits(voiced_T).tobytes())
                previous, counts = place, (len(voiced_T), np.count_nonzero(voiced_T))
            self.num_frames_U[row], self.num_voiced_U[row] = counts
            self._start_U[row] = start
        self._bits = np.frombuffer(b"".join(packed), np.uint8)

    def __len__(self):
        return len(self._start_U)

    def frames(self, row):
        """Indices of the voiced frames of an utterance, ascending; int64."""
        start, num_frames = int(self._start_U[row]), int(self.num_frames_U[row])
        bits = self._bits[start : start + (num_frames + 7) // 8]
        return np.unpackbits(bits, count=num_frames).view(bool).nonzero()[0]
