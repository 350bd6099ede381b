"""Selection of voiced frames and sliding normalisation of a batch, on the device.

The same computation as `steps_py.chunks.host_features.VoicedFeatures` on the host.

Shape suffixes (scope: this module):
    B = chunks   T = frames of a chunk   L = rows around a chunk (maximum)   U = utterances
    D = feature dimension
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from steps_py.chunks.sampler import Batch
from steps_py.chunks.voiced_frames import NO_FRAME, VoicedFrames
from steps_py.chunks.voiced_speed import VoicedAtSpeeds
from steps_py.errors import TableError
from steps_py.feats.config import CmvnConfig
from steps_py.feats.sliding_mean import window_starts


@dataclass(frozen=True, kw_only=True)
class RowsAround:
    """The rows of utterances that chunks and their normalisation windows need.

    Attributes
    ----------
    first_B, end_B : int64 arrays
        Range [first, end) of rows in the utterance.
    frame_BT : int32 array
        Voiced frames, relative to first_B.
    last_B : int64 array
        Last possible start of a window, relative to first_B.
    length_B : int64 array
        Frames of a window.
    """

    first_B: np.ndarray
    end_B: np.ndarray
    frame_BT: np.ndarray
    last_B: np.ndarray
    length_B: np.ndarray

    @property
    def num_rows(self) -> int:
        """Maximum number of rows, L."""
        return int((self.end_B - self.first_B).max())


def rows_around(
    voiced: VoicedFrames | VoicedAtSpeeds,
    utts: Sequence[str],
    row_B: np.ndarray,
    index_BT: np.ndarray,
    cmvn: CmvnConfig,
) -> RowsAround:
    """The RowsAround of the voiced frames ``index_BT[b]`` of utterance ``row_B[b]``.

    Raises TableError, naming the utterance, if it has fewer voiced frames.
    """
    frame_BT = voiced.at(row_B, index_BT)
    least_B, most_B = frame_BT.min(axis=1), frame_BT.max(axis=1)
    if least_B.min() == NO_FRAME:
        b = int(least_B.argmin())
        row, wanted = int(row_B[b]), index_BT[b].max()
        raise TableError(
            f"{utts[row]}: {len(voiced.frames(row))} voiced frames, but number {wanted} is"
            " needed, counted from 0. Run allocate_chunks again."
        )
    # windows lie in [begin, end) of the utterance
    begin_B, end_B = np.zeros(len(row_B), np.int64), voiced.num_frames_U[row_B]
    if cmvn.within_chunks:
        begin_B, end_B = least_B.astype(np.int64), most_B.astype(np.int64) + 1
    window_frames = max(cmvn.window_frames, 1)  # without normalisation, the frame alone
    length_B = np.minimum(window_frames, end_B - begin_B)
    last_B = end_B - length_B
    first_B, last_start_B = (
        begin_B + window_starts(frame_B - begin_B, window_frames, last_B - begin_B)
        for frame_B in (least_B, most_B)
    )
    return RowsAround(
        first_B=first_B,
        end_B=last_start_B + length_B,
        frame_BT=frame_BT - first_B[:, np.newaxis].astype(np.int32),
        last_B=last_B - first_B,
        length_B=length_B,
    )


def frames_around(cmvn: CmvnConfig, num_frames_U: np.ndarray) -> int:
    """Upper bound on the frames around a chunk that its normalisation reads.

    >>> frames_around(CmvnConfig(window_frames=300), np.array([120, 900]))
    300
    """
    return 0 if cmvn.within_chunks else min(cmvn.window_frames, int(num_frames_U.max()))


def voiced_positions(batch: Batch, num_voiced_U: np.ndarray) -> np.ndarray:
    """Positions of a batch's frames among the voiced frames of their utterances, int64 (B, T).

    Positions wrap around at the end of an utterance that is shorter than the chunk, also in the
    padding of a chunk that is shorter than others.
    """
    index_BT = batch.first_B[:, np.newaxis] + np.arange(batch.num_frames)
    num_B = num_voiced_U[batch.rows_B]
    wraps_B = batch.first_B + batch.num_frames > num_B
    index_BT[wraps_B] %= num_B[wraps_B][:, np.newaxis]
    return index_BT


def normalise(
    x_BLD: torch.Tensor,
    frame_BT: torch.Tensor,
    last_B: torch.Tensor,
    length_B: torch.Tensor,
    window_frames: int,
) -> torch.Tensor:
    """Frames minus the means of their windows, float32 (B, T, D); unchanged without a window.

    `frame_BT`, `last_B` and `length_B` are fields of RowsAround.
    """
    frame_BT = frame_BT.long()
    if not window_frames:
        return _rows_of(x_BLD, frame_BT).float()
    # clamped to the first row, where the earliest window begins
    start_BT = (frame_BT - window_frames // 2).clamp_(min=0).minimum(last_B[:, None])
    # no window reaches the undefined padding of shorter chunks
    sums_BLD = torch.nn.functional.pad(x_BLD.double().cumsum(dim=1), (0, 0, 1, 0))
    end_BT = start_BT + length_B[:, None]
    window_BTD = _rows_of(sums_BLD, end_BT) - _rows_of(sums_BLD, start_BT)
    mean_BTD = window_BTD / length_B[:, None, None]
    return (_rows_of(x_BLD, frame_BT) - mean_BTD).float()


def _rows_of(x_BLD, index_BT):
    """Rows ``index_BT[b]`` of each ``x_BLD[b]``."""
    index_BTD = index_BT[:, :, None].expand(-1, -1, x_BLD.shape[2])
    return x_BLD.gather(1, index_BTD)


def zero_padding(
    x_BTD: torch.Tensor, num_frames_B: torch.Tensor | np.ndarray | None
) -> torch.Tensor:
    """Set frames after the end of each chunk to 0; None: all chunks have T frames."""
    if num_frames_B is None:
        return x_BTD
    num_frames_B = torch.as_tensor(num_frames_B, device=x_BTD.device)
    padding_BT = torch.arange(x_BTD.shape[1], device=x_BTD.device) >= num_frames_B[:, None]
    return x_BTD.masked_fill(padding_BT[..., None], 0.0)
