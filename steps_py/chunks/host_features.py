"""Random access to features: any stretch of an utterance's voiced, normalised frames.

Only the rows that are wanted, and the windows around them, are read from the archive.  So
training needs no second copy of the features, in which Kaldi's recipes cut them into chunks.

Shape suffixes (scope: this module):
    T = frames   D = feature dimension   U = utterances
"""

from functools import partial

import numpy as np

from steps_py.chunks.voiced_frames import VoicedFrames
from steps_py.errors import TableError
from steps_py.feats.sliding_mean import normalised
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
        Matrices (T, D), and decisions (T,): 1 for voiced frames, else 0.
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
