"""Speed perturbation: the same words faster or slower, higher or lower, by other speakers.

Sample n of audio at speed s is the recording at n s.  Pitch and tempo change together, so
each speed of a speaker counts as a speaker of its own.

Source: T. Ko et al., "Audio augmentation for speech recognition", Interspeech 2015; as
new speakers: H. Yamamoto et al., "Speaker augmentation and bandwidth extension for deep
speaker embedding", Interspeech 2019.

Array suffixes (scope: this module):
    N = samples   T = frames   U = utterances   B = chunks
"""

import numpy as np

from steps_py.audio.resample import SincFilter, resample
from steps_py.augment.copies import ratio_of
from steps_py.chunks.voiced_frames import NO_FRAME

# Flat to 94 % of the band, 80 dB down beyond it: a fifth of the cost of FINE_FILTER.
SPEED_FILTER = SincFilter(cutoff=0.94, num_zeros=40, kaiser_beta=8.0)


def prefix_of(speed):
    """Before the names of utterances and speakers at a speed, as Kaldi's recipes have it.

    >>> prefix_of(0.9), prefix_of(1.0)
    ('sp0.9-', '')
    """
    return "" if speed == 1 else f"sp{speed:g}-"


def read_at_speed(read, speed, first, end):
    """Samples [first, end) at a speed; ``read(first, end)`` gives those of the recording.

    `read` may return fewer samples where the recording ends, and so does this.  As long a
    stretch of the recording as the filter reaches is read around it, so that what comes out
    does not depend on where a stretch begins, but for rounding.
    """
    ratio = ratio_of(speed)
    num_in, num_out = ratio.numerator, ratio.denominator  # of a unit
    lead = -(-SPEED_FILTER.num_zeros * 2 // num_in)  # units
    first_unit = max(0, first // num_out - lead)
    end_unit = -(-end // num_out) + lead
    x_N = read(first_unit * num_in, end_unit * num_in)
    y_N = resample(x_N, num_in, num_out, SPEED_FILTER)
    return y_N[first - first_unit * num_out : end - first_unit * num_out]


def num_frames_at_speed(num_frames, speed):
    """Frames that surely lie within the audio at a speed, of so many at speed 1.

    >>> num_frames_at_speed(300, 1.0), num_frames_at_speed(300, 1.1), num_frames_at_speed(300, 0.9)
    (300, 271, 332)
    """
    return num_frames if speed == 1 else max(1, int(num_frames / speed) - 1)


def voiced_at_speed(frames, num_frames, speed):
    """Voiced frames at a speed: those whose nearest one of the recording is in `frames`.

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
    """A VoicedFrames whose utterance u is at ``speed_U[u]``."""

    def __init__(self, voiced, speed_U):
        self._voiced, self._speed_U = voiced, speed_U
        pairs = list(zip(voiced.num_frames_U.tolist(), speed_U.tolist(), strict=True))
        self.num_frames_U = np.array([num_frames_at_speed(*pair) for pair in pairs], np.int64)

    def frames(self, row):
        """Indices of the voiced frames of an utterance, ascending; int64."""
        num_frames, speed = int(self._voiced.num_frames_U[row]), float(self._speed_U[row])
        return voiced_at_speed(self._voiced.frames(row), num_frames, speed)

    def at(self, row_B, index_BT):
        """As `VoicedFrames.at`."""
        frame_BT = np.full(index_BT.shape, NO_FRAME, np.int32)
        for frame_T, row, index_T in zip(frame_BT, row_B.tolist(), index_BT, strict=True):
            frames = self.frames(row)
            there_T = index_T < len(frames)
            frame_T[there_T] = frames[index_T[there_T]]
        return frame_BT
