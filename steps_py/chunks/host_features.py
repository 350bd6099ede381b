"""Random access to features: any stretch of an utterance's voiced, normalised frames.

Only the rows that are wanted, and the windows around them, are read from the archive.  So
training needs no second copy of the features, in which Kaldi's recipes cut them into chunks.

Shape suffixes (scope: this module):
    T = frames   D = feature dimension   U = utterances   W = windows
"""

from functools import partial

import numpy as np

from steps_py.chunks.voiced_frames import VoicedFrames
from steps_py.errors import TableError
from steps_py.feats.cmvn import normalise_rows, window_bounds
from steps_py.formats.archives import MatrixIndex, naming


class VoicedFeatures:
    """The voiced frames of utterances after sliding normalisation, by utterance and position.

    The same numbers as ``apply-cmvn-sliding --center=true | select-voiced-frames``, read for
    the frames that are wanted and the windows around them alone.  Headers and decisions are
    read at once, the frames when asked for.

    Parameters
    ----------
    utts : sequence of str
        Names, for messages; what is called a row below is an index into them.
    feats, vad : Locations
        Matrices (T, D), and decisions (T,) of which those above 0.5 mean voiced.
    cmvn : CmvnConfig

    Raises
    ------
    TableError
        Naming the utterance, if an archive cannot be read, or decisions and features differ
        in length.
    """

    def __init__(self, utts, feats, vad, cmvn):
        assert len(utts) == len(feats) == len(vad)
        self.utts, self.cmvn = utts, cmvn
        self.matrices, self.voiced = MatrixIndex(utts, feats), VoicedFrames(utts, vad)
        unequal_U = self.matrices.num_rows_U != self.voiced.num_frames_U
        if unequal_U.any():
            row = int(np.argmax(unequal_U))
            raise TableError(
                f"{utts[row]}: {self.matrices.num_rows_U[row]} frames of features,"
                f" {self.voiced.num_frames_U[row]} voice decisions. Compute both from the same"
                " audio."
            )

    def __len__(self):
        return len(self.utts)

    def feat_dim(self, row):
        """Dimension of the features of an utterance."""
        return int(self.matrices.num_cols_U[row])

    def read(self, row, first=0, num=None):
        """Voiced frames [first, first + num) of the utterance `row`, or all from `first` on.

        Returns float32 (num, D).  Raises TableError, naming the utterance, if an archive
        cannot be read, fewer frames are voiced, or a frame is not finite.
        """
        try:
            return self._read(row, first, num)
        except (TableError, OSError):
            with naming(self.utts[row]):
                raise

    def _read(self, row, first, num):
        voiced = self.voiced.frames(row)
        frames = voiced[first:] if num is None else voiced[first : first + num]
        if num is not None and len(frames) < num:
            raise TableError(
                f"{len(voiced)} voiced frames, but {first} to {first + num - 1} are wanted."
                " Run allocate_chunks again."
            )
        if not len(frames):
            return np.zeros((0, self.feat_dim(row)), np.float32)
        x_TD = self._normalise(row, frames)
        # a sum is finite if all of its terms are; it may overflow, so look twice
        if not np.isfinite(x_TD.sum()) and not np.isfinite(x_TD).all():
            raise TableError("its features are not finite. Compute them again.")
        return x_TD

    def _normalise(self, row, frames):
        num_frames = int(self.voiced.num_frames_U[row])
        return normalised(partial(self.matrices.rows, row), frames, num_frames, self.cmvn)


def normalised(rows, frames, num_frames, cmvn):
    """Frames less the means of their windows, as `cmvn` (a CmvnConfig) says; float32 (T, D).

    `rows(first, end)` gives float32 rows of an utterance of `num_frames` frames; `frames` are the
    wanted ones, ascending and at least one.
    """
    if cmvn.norm_vars:
        start, end = window_bounds(frames, num_frames, cmvn.window_frames)
        x_TD = rows(start[0], end[-1])
        bounds = (index - start[0] for index in (frames, start, end))
        return normalise_rows(x_TD, *bounds, norm_vars=True)
    # every window is as long as every other: near the ends it is moved, not cut
    length = min(cmvn.window_frames, num_frames)
    start = frames - cmvn.window_frames // 2
    np.maximum(start, 0, out=start)
    np.minimum(start, num_frames - length, out=start)
    origin = int(start[0])
    x_TD = rows(origin, int(start[-1]) + length)
    sums_WD = window_sums(x_TD, length)
    sums_TD = sums_WD.take(start - origin, axis=0)
    sums_TD *= np.float32(1 / length)
    return np.subtract(x_TD.take(frames - origin, axis=0), sums_TD, out=sums_TD)


def window_sums(x_TD, length):
    """Sums of the rows ``[w, w + length)`` for every w; float32 (T - length + 1, D).

    Sums of 1, 2, 4, 8 ... rows are made from two of half as many, and those of which
    `length` is the sum are added: log2(length) vector additions, and errors that grow no faster.

    >>> window_sums(np.array([[1.0], [2.0], [4.0], [8.0]], np.float32), 3)
    array([[ 7.],
           [14.]], dtype=float32)
    """
    num_rows, dim = x_TD.shape
    part = x_TD.reshape(-1)  # a shift by a row is one by `dim`
    total, total_rows, part_rows = None, 0, 1
    while True:
        if length & part_rows:
            if total is None:
                total = part
            else:
                num = (num_rows - total_rows - part_rows + 1) * dim
                total = total[:num] + part[total_rows * dim :][:num]
            total_rows += part_rows
        if total_rows == length:
            return total.reshape(-1, dim)
        half = part_rows * dim
        part = part[:-half] + part[half:]
        part_rows *= 2
