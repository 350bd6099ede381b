"""Random access to features: any range of an utterance's voiced, normalised frames.

Only the needed rows and their normalisation windows are read from the archive, so training needs
no second copy of the features, as Kaldi's recipes make when they cut chunks.

Shape suffixes (scope: this module):
    T = frames   D = feature dimension   U = utterances
"""

from collections.abc import Sequence
from functools import partial

import numpy as np

from steps_py.chunks.voiced_frames import VoicedFrames
from steps_py.errors import TableError
from steps_py.feats.config import CmvnConfig
from steps_py.feats.sliding_mean import normalised
from steps_py.formats.archives import Locations, MatrixIndex, naming


class VoicedFeatures:
    """The voiced frames of utterances after sliding normalisation, by utterance and position.

    Equivalent to ``apply-cmvn-sliding --center=true | select-voiced-frames``, but reads only the
    needed frames and the windows around them.  Headers and decisions are read at construction,
    frames by `read`.

    Parameters
    ----------
    utts : sequence of str
        Names, for messages.  A row is an index into them.
    feats, vad : Locations
        Matrices (T, D), and decisions (T,): 1 for voiced frames, 0 for others.
    cmvn : CmvnConfig

    Raises
    ------
    TableError
        Naming the utterance, if an archive cannot be read, or decisions and features differ
        in length.
    """

    def __init__(self, utts: Sequence[str], feats: Locations, vad: Locations, cmvn: CmvnConfig):
        assert len(utts) == len(feats) == len(vad)
        self.utts, self.cmvn = utts, cmvn
        self.matrices, self.voiced = MatrixIndex(utts, feats), VoicedFrames(utts, vad)
        unequal_U = self.matrices.num_rows_U != self.voiced.num_frames_U
        if unequal_U.any():
            row = int(np.argmax(unequal_U))
            raise TableError(
                f"{utts[row]}: {self.matrices.num_rows_U[row]} frames of features, but"
                f" {self.voiced.num_frames_U[row]} voice decisions. Compute both from the same"
                " audio."
            )

    def __len__(self):
        return len(self.utts)

    def feat_dim(self, row: int) -> int:
        """Dimension of the features of an utterance."""
        return int(self.matrices.num_cols_U[row])

    def read(
        self, row: int, first: int = 0, num: int | None = None, is_chunk: bool = False
    ) -> np.ndarray:
        """Voiced frames [first, first + num) of the utterance `row`; all from `first` by default.

        `is_chunk`: they are a chunk of a training, see ``cmvn.within_chunks``.
        Returns float32 (num, D).  Raises TableError, naming the utterance, if an archive
        cannot be read, there are fewer voiced frames, or a frame is not finite.
        """
        try:
            return self._read(row, first, num, is_chunk)
        except (TableError, OSError):
            with naming(self.utts[row]):
                raise

    def _read(self, row, first, num, is_chunk):
        voiced = self.voiced.frames(row)
        frames = voiced[first:] if num is None else voiced[first : first + num]
        if num is not None and len(frames) < num:
            raise TableError(
                f"{len(voiced)} voiced frames, but {first} to {first + num - 1} are needed."
                " Run allocate_chunks again."
            )
        if not len(frames):
            return np.zeros((0, self.feat_dim(row)), np.float32)
        x_TD = self._normalise(row, frames, is_chunk and self.cmvn.within_chunks)
        # check element-wise only if the sum is not finite, which an overflow can cause as well
        if not np.isfinite(x_TD.sum()) and not np.isfinite(x_TD).all():
            raise TableError("its features are not finite. Recompute them.")
        return x_TD

    def _normalise(self, row, frames, within):
        if not within:
            num_frames = int(self.voiced.num_frames_U[row])
            return normalised(partial(self.matrices.rows, row), frames, num_frames, self.cmvn)
        begin, end = int(frames[0]), int(frames[-1]) + 1
        x_TD = self.matrices.rows(row, begin, end)
        return normalised(lambda i, j: x_TD[i:j], frames - begin, end - begin, self.cmvn)
