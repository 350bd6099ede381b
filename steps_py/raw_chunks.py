"""Chunks as the bytes of their archives, decoded and normalised on the device.

Reading a batch then costs a pread a chunk and no arithmetic: bytes go to the device as they
are, a quarter of the size, and `decode` makes of them there what
`steps_py.features.VoicedFeatures` makes on the host.  A data set that fits may live on the
device whole (`ResidentBytes`); then only row numbers are sent.

Shape suffixes (scope: this module):
    B = chunks   T = frames of a chunk   L = rows around a chunk, the longest   U = utterances
    D = feature dimension   N = bytes of L rows; of CM: its 8 D bytes of percentiles, then L of
    each column
"""

from dataclasses import dataclass

import numpy as np
import torch

from steps_py.archives import CM, DM, FM, KINDS, OpenFiles, naming
from steps_py.errors import ConfigError, StepsError, TableError

_NUMBERS = {FM: torch.float32, DM: torch.float64}


@dataclass(frozen=True, kw_only=True)
class RawBatch:
    """Which bytes a batch needs and how to normalise them; tensors, on any device.

    bytes_BN: uint8, or None if they lie on the device; row_B, first_B: int64, the utterance
    and its first row of the L; low_B, width_B: float32, the ranges of compressed matrices;
    frame_BT, start_BT: int64, each frame and the first frame of its window, counted from
    first_B; length_B: int64, frames of a window.
    """

    bytes_BN: torch.Tensor | None
    row_B: torch.Tensor
    first_B: torch.Tensor
    low_B: torch.Tensor
    width_B: torch.Tensor
    frame_BT: torch.Tensor
    start_BT: torch.Tensor
    length_B: torch.Tensor
    num_rows: int  # L

    def to(self, device):
        moved = {
            name: value.to(device, non_blocking=True) if torch.is_tensor(value) else value
            for name, value in vars(self).items()
        }
        return RawBatch(**moved)


@dataclass(frozen=True, kw_only=True)
class RowsAround:
    """The rows [first_B, end_B) of utterances that chunks and their windows need.

    frame_BT and start_BT, each frame and the first of its window, count from first_B;
    length_B: frames of a window.
    """

    first_B: np.ndarray
    end_B: np.ndarray
    frame_BT: np.ndarray
    start_BT: np.ndarray
    length_B: np.ndarray

    @property
    def num_rows(self):
        """Rows of the longest, L."""
        return int((self.end_B - self.first_B).max())


def rows_around(voiced, utts, row_B, index_BT, window_frames):
    """The RowsAround of the voiced frames number ``index_BT[b]`` of utterance ``row_B[b]``.

    `voiced` is a VoicedFrames; TableError, naming the utterance, if fewer frames are voiced.
    """
    frame_BT = np.empty(index_BT.shape, np.int64)
    for b, (row, index_T) in enumerate(zip(row_B.tolist(), index_BT, strict=True)):
        frames = voiced.frames(row)
        if index_T.max() >= len(frames):
            raise TableError(
                f"{utts[row]}: {len(frames)} voiced frames, but number {index_T.max()} is"
                " wanted, counted from 0. Run allocate_chunks again."
            )
        frame_BT[b] = frames[index_T]
    num_frames_B = voiced.num_frames_U[row_B]
    length_B = np.minimum(window_frames, num_frames_B)
    start_BT = frame_BT - window_frames // 2
    np.clip(start_BT, 0, (num_frames_B - length_B)[:, np.newaxis], out=start_BT)
    first_B = start_BT.min(axis=1)
    return RowsAround(
        first_B=first_B,
        end_B=start_BT.max(axis=1) + length_B,
        frame_BT=frame_BT - first_B[:, np.newaxis],
        start_BT=start_BT - first_B[:, np.newaxis],
        length_B=length_B,
    )


class RawReader:
    """Reads RawBatches of the utterances of a VoicedFeatures, whose matrices are of one kind.

    With `resident` the bytes are left out.

    Raises StepsError for matrices of several kinds, ConfigError for cmvn.norm_vars.
    """

    def __init__(self, features, resident=False):
        kinds = np.unique(features.matrices.kind_U)
        if len(kinds) > 1:
            names = ", ".join(KINDS[kind] for kind in kinds)
            raise StepsError(
                f"chunks: matrices of several kinds ({names}) cannot be decoded on the device."
                " Make all features with the same --compress, or set train.decode to host."
            )
        if features.cmvn.norm_vars:
            raise ConfigError(
                "train: decode is device and cmvn.norm_vars true; variances are normalised on"
                " the host only. Set train.decode to host."
            )
        self._features, self._resident = features, resident
        self.kind, self.dim = int(kinds[0]), features.feat_dim(0)

    def read(self, row_B, index_BT):
        """The RawBatch of the voiced frames number ``index_BT[b]`` of utterance ``row_B[b]``.

        Raises TableError, naming the utterance, if fewer frames are voiced or an archive
        cannot be read.
        """
        features, matrices = self._features, self._features.matrices
        rows = rows_around(
            features.voiced, features.utts, row_B, index_BT, features.cmvn.window_frames
        )
        arrays = {
            "row_B": row_B,
            "first_B": rows.first_B,
            "low_B": matrices.low_U[row_B],
            "width_B": matrices.width_U[row_B],
            "frame_BT": rows.frame_BT,
            "start_BT": rows.start_BT,
            "length_B": rows.length_B,
        }
        bytes_BN = None
        if not self._resident:
            read = self._read_bytes(row_B, rows.first_B, rows.end_B, rows.num_rows)
            bytes_BN = torch.from_numpy(read)
        tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
        return RawBatch(bytes_BN=bytes_BN, num_rows=rows.num_rows, **tensors)

    def _read_bytes(self, row_B, first_B, end_B, num_rows):
        matrices = self._features.matrices
        num_bytes = num_rows * matrices.row_bytes(self.kind, self.dim)
        if self.kind == CM:
            num_bytes += 8 * self.dim
        bytes_BN = np.zeros((len(row_B), num_bytes), np.uint8)
        matrices.read_bytes(row_B, first_B, end_B, bytes_BN)
        return bytes_BN


class ResidentBytes:
    """The bytes of all matrices of a MatrixIndex on a device, one after the other.

    Raises StepsError, with both figures, if they do not fit.
    """

    def __init__(self, matrices, utts, device):
        size_U = matrices.num_bytes_U
        total, free = int(size_U.sum()), free_bytes(device)
        if total > free:
            raise StepsError(
                f"train: the features have {total / 1e9:.1f} GB, {device} has"
                f" {free / 1e9:.1f} GB free. Set train.resident to false."
            )
        start_U = np.cumsum(size_U) - size_U
        self._bytes = torch.empty(total, dtype=torch.uint8, device=device)
        files = OpenFiles()
        for row, (start, size) in enumerate(zip(start_U.tolist(), size_U.tolist(), strict=True)):
            with naming(utts[row]):
                path, body = matrices.files[matrices.file_id_U[row]], int(matrices.body_U[row])
                data = bytearray(files.read(path, body, size))
            self._bytes[start : start + size] = torch.frombuffer(data, dtype=torch.uint8)
        self._start_U = torch.from_numpy(start_U).to(device)
        self._num_rows_U = torch.from_numpy(matrices.num_rows_U).to(device)

    def cut(self, batch, kind, dim, row_bytes):
        """bytes_BN of a RawBatch that is on this device; what lies past a matrix is rubbish."""
        start_B1 = self._start_U[batch.row_B][:, None]
        first_B1 = batch.first_B[:, None]
        device = self._bytes.device
        if kind != CM:
            index_BN = start_B1 + first_B1 * row_bytes
            index_BN = index_BN + torch.arange(batch.num_rows * row_bytes, device=device)
        else:
            num_rows_B11 = self._num_rows_U[batch.row_B][:, None, None]
            column_1D1 = torch.arange(dim, device=device)[None, :, None]
            row_11L = torch.arange(batch.num_rows, device=device)
            codes_BDL = column_1D1 * num_rows_B11 + first_B1[:, :, None] + row_11L
            codes_BN = (start_B1[:, :, None] + 8 * dim + codes_BDL).flatten(1)
            percentiles_BN = start_B1 + torch.arange(8 * dim, device=device)
            index_BN = torch.cat([percentiles_BN, codes_BN], dim=1)
        return self._bytes[index_BN.clamp_(max=len(self._bytes) - 1)]


def free_bytes(device):
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return 2**63


def decode(batch, bytes_BN, kind, dim):
    """Normalised features float32 (B, T, D) of a RawBatch, wherever its tensors lie."""
    return normalise(batch, decompress(batch, bytes_BN, kind, dim))


def normalise(batch, x_BLD):
    """Frames (B, T, D) less the mean of their windows; `batch` has frame_BT, start_BT, length_B."""
    # what pads a shorter chunk may be anything; no window reaches it
    sums_BLD = torch.nn.functional.pad(x_BLD.double().cumsum(dim=1), (0, 0, 1, 0))
    end_BT = batch.start_BT + batch.length_B[:, None]
    window_BTD = rows_of(sums_BLD, end_BT) - rows_of(sums_BLD, batch.start_BT)
    mean_BTD = window_BTD / batch.length_B[:, None, None]
    return (rows_of(x_BLD, batch.frame_BT) - mean_BTD).float()


def rows_of(x_BLD, index_BT):
    """Rows ``index_BT[b]`` of each ``x_BLD[b]``."""
    index_BTD = index_BT[:, :, None].expand(-1, -1, x_BLD.shape[2])
    return x_BLD.gather(1, index_BTD)


def decompress(batch, bytes_BN, kind, dim):
    """Float32 rows (B, L, D) of the bytes of matrices; as src/matrix/compressed-matrix.cc."""
    num_chunks = len(bytes_BN)
    if kind in _NUMBERS:
        return bytes_BN.view(_NUMBERS[kind]).view(num_chunks, -1, dim).float()
    low_B11, width_B11 = batch.low_B[:, None, None], batch.width_B[:, None, None]
    if kind == CM:
        split = 8 * dim
        percentiles_BD4 = unsigned(bytes_BN[:, :split]).view(num_chunks, dim, 4)
        points_BD4 = low_B11 + width_B11 * (percentiles_BD4 / 65535)
        codes_BLD = bytes_BN[:, split:].view(num_chunks, dim, -1).transpose(1, 2).float()
        p0, p25, p75, p100 = points_BD4[:, None].unbind(dim=3)
        below = p0 + (p25 - p0) * (codes_BLD / 64)
        middle = p25 + (p75 - p25) * ((codes_BLD - 64) / 128)
        above = p75 + (p100 - p75) * ((codes_BLD - 192) / 63)
        return torch.where(codes_BLD <= 64, below, torch.where(codes_BLD <= 192, middle, above))
    if KINDS[kind] == "CM2":
        codes_BLD, top = unsigned(bytes_BN).view(num_chunks, -1, dim), 65535
    else:
        codes_BLD, top = bytes_BN.view(num_chunks, -1, dim).float(), 255
    return low_B11 + codes_BLD * (width_B11 / top)


def unsigned(bytes_BN):
    """Little-endian 16-bit numbers as float32."""
    return (bytes_BN.contiguous().view(torch.int16).int() & 0xFFFF).float()
