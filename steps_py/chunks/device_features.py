"""From rows of features around chunks to the chunks' voiced, normalised frames.

On the device, batch by batch, what `steps_py.chunks.host_features.VoicedFeatures` does on the host.

Shape suffixes (scope: this module):
    B = chunks   T = frames of a chunk   L = rows around a chunk, the longest   U = utterances
    D = feature dimension
"""

from dataclasses import dataclass

import numpy as np
import torch

from steps_py.chunks.voiced_frames import NO_FRAME
from steps_py.errors import TableError
from steps_py.feats.sliding_mean import window_starts


@dataclass(frozen=True, kw_only=True)
class RowsAround:
    """The rows [first_B, end_B) of utterances that chunks and their windows need.

    frame_BT, each frame (int32), and last_B, the last place where a window may begin, count
    from first_B; length_B: frames of a window.
    """

    first_B: np.ndarray
    end_B: np.ndarray
    frame_BT: np.ndarray
    last_B: np.ndarray
    length_B: np.ndarray

    @property
    def num_rows(self):
        """Rows of the longest, L."""
        return int((self.end_B - self.first_B).max())


def rows_around(voiced, utts, row_B, index_BT, window_frames):
    """The RowsAround of the voiced frames number ``index_BT[b]`` of utterance ``row_B[b]``.

    `voiced` is a VoicedFrames; TableError, naming the utterance, if fewer frames are voiced.
    """
    frame_BT = voiced.at(row_B, index_BT)
    least_B, most_B = frame_BT.min(axis=1), frame_BT.max(axis=1)
    if least_B.min() == NO_FRAME:
        b = int(least_B.argmin())
        row, wanted = int(row_B[b]), index_BT[b].max()
        raise TableError(
            f"{utts[row]}: {len(voiced.frames(row))} voiced frames, but number {wanted} is"
            " wanted, counted from 0. Run allocate_chunks again."
        )
    num_frames_B = voiced.num_frames_U[row_B]
    length_B = np.minimum(window_frames, num_frames_B)
    last_B = num_frames_B - length_B
    first_B, last_start_B = (
        window_starts(frame_B.astype(np.int64), window_frames, last_B)
        for frame_B in (least_B, most_B)
    )
    return RowsAround(
        first_B=first_B,
        end_B=last_start_B + length_B,
        frame_BT=frame_BT - first_B[:, np.newaxis].astype(np.int32),
        last_B=last_B - first_B,
        length_B=length_B,
    )


def voiced_numbers(batch, num_voiced_U):
    """Which voiced frames a `steps_py.chunks.sampler.Batch` wants, int64 (B, T).

    Utterances that are shorter than the chunk go round, as do the frames behind the end of a
    chunk that is shorter than others.
    """
    index_BT = batch.first_B[:, np.newaxis] + np.arange(batch.num_frames)
    num_B = num_voiced_U[batch.rows_B]
    round_B = batch.first_B + batch.num_frames > num_B
    index_BT[round_B] %= num_B[round_B][:, np.newaxis]
    return index_BT


def normalise(x_BLD, frame_BT, last_B, length_B, window_frames):
    """Frames float32 (B, T, D) less the means of their windows; the fields of RowsAround."""
    frame_BT = frame_BT.long()
    # not before the first row: that is where the earliest window begins
    start_BT = (frame_BT - window_frames // 2).clamp_(min=0).minimum(last_B[:, None])
    # what pads a shorter chunk may be anything; no window reaches it
    sums_BLD = torch.nn.functional.pad(x_BLD.double().cumsum(dim=1), (0, 0, 1, 0))
    end_BT = start_BT + length_B[:, None]
    window_BTD = _rows_of(sums_BLD, end_BT) - _rows_of(sums_BLD, start_BT)
    mean_BTD = window_BTD / length_B[:, None, None]
    return (_rows_of(x_BLD, frame_BT) - mean_BTD).float()


def _rows_of(x_BLD, index_BT):
    """Rows ``index_BT[b]`` of each ``x_BLD[b]``."""
    index_BTD = index_BT[:, :, None].expand(-1, -1, x_BLD.shape[2])
    return x_BLD.gather(1, index_BTD)


def zeros_beyond(x_BTD, num_frames_B):
    """Zeros behind the end of chunks that are shorter than others; as it is without a number."""
    if num_frames_B is None:
        return x_BTD
    num_frames_B = torch.as_tensor(num_frames_B, device=x_BTD.device)
    beyond_BT = torch.arange(x_BTD.shape[1], device=x_BTD.device) >= num_frames_B[:, None]
    return x_BTD.masked_fill(beyond_BT[..., None], 0.0)
