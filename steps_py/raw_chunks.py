"""Chunks as the bytes of their archives, decoded and normalised on the device.

Reading a batch then costs a pread a chunk and no arithmetic: bytes go to the device as they
are, a quarter of the size, and there become what `steps_py.features.VoicedFeatures` makes on
the host.  A data set that fits may live on the device whole; then only row numbers are sent.

Shape suffixes (scope: this module):
    B = chunks   T = frames of a chunk   L = rows around a chunk, the longest   U = utterances
    D = feature dimension
    N = bytes of L rows; of CM: its 8 D bytes of percentiles, then L of each column
"""

from typing import NamedTuple

import numpy as np
import torch

from steps_py.archives import CM, DM, FM, KINDS, MatrixIndex, OpenFiles, naming
from steps_py.errors import ConfigError, StepsError
from steps_py.features import VoicedFeatures
from steps_py.windows import normalise, rows_around, voiced_numbers, zeros_beyond

_NUMBERS = {FM: torch.float32, DM: torch.float64}


class RawBatch(NamedTuple):
    """Which bytes a batch needs and how to normalise them; arrays, or tensors on any device."""

    bytes_BN: np.ndarray  # uint8; N is 0 where they lie on the device
    row_B: np.ndarray  # utterances
    first_B: np.ndarray  # the first of the L rows
    num_rows: np.ndarray  # L, of no dimension
    low_B: np.ndarray  # float32: the range of a compressed matrix begins here ...
    width_B: np.ndarray  # ... and is so wide
    frame_BT: np.ndarray  # as RowsAround has them
    start_BT: np.ndarray
    length_B: np.ndarray
    spk_id_B: np.ndarray


class RawBatchReader:
    """Reads the bytes of a `steps_py.sampler.Batch`, and makes features of them on a device.

    The same numbers as a BatchReader's, but for rounding.

    Parameters
    ----------
    chunks : steps_py.chunks.Chunks
        Their matrices are of one kind and dimension.
    cmvn : CmvnConfig
    device : torch.device
        That trains.
    resident : bool
        All bytes lie there.

    Raises
    ------
    StepsError
        For matrices of several kinds or sizes of row, or that do not fit on the device.
    ConfigError
        For cmvn.norm_vars.
    """

    def __init__(self, chunks, cmvn, device, resident=False):
        if cmvn.norm_vars:
            raise ConfigError(
                "train: decode is not host and cmvn.norm_vars true; variances are normalised on"
                " the host only. Set train.decode to host."
            )
        self._features = VoicedFeatures(chunks.utts, chunks.feats, chunks.vad, cmvn)
        matrices = self._features.matrices
        shapes = sorted(
            set(zip(matrices.kind_U.tolist(), matrices.num_cols_U.tolist(), strict=True))
        )
        if len(shapes) > 1:
            names = ", ".join(f"{KINDS[kind]} of {dim} columns" for kind, dim in shapes)
            raise StepsError(
                f"{chunks.path}: matrices of several kinds ({names}) cannot be decoded on the"
                " device. Make all features with the same conf and feats.compress, or set"
                " train.decode to host."
            )
        ((self._kind, self.feat_dim),) = shapes
        self._num_frames_U = chunks.num_frames_U
        self._row_bytes = matrices.row_bytes(self._kind, self.feat_dim)
        self._resident = ResidentBytes(matrices, chunks.utts, device) if resident else None

    def chunk_bytes(self, num_frames):
        """What a chunk of so many voiced frames takes, about: there may be gaps."""
        num_rows = num_frames + self._features.cmvn.window_frames
        return 4 * 8 * num_frames + (0 if self._resident else num_rows * self._row_bytes)

    def read(self, batch):
        """A RawBatch, and the numbers of frames (B,) where they differ."""
        features, row_B = self._features, batch.rows_B
        index_BT = voiced_numbers(batch, self._num_frames_U)
        window_frames = features.cmvn.window_frames
        rows = rows_around(features.voiced, features.utts, row_B, index_BT, window_frames)
        num_bytes = 0
        if not self._resident:
            num_bytes = rows.num_rows * self._row_bytes
            num_bytes += 8 * self.feat_dim if self._kind == CM else 0
        bytes_BN = np.zeros((len(row_B), num_bytes), np.uint8)
        if num_bytes:
            features.matrices.read_bytes(row_B, rows.first_B, rows.end_B, bytes_BN)
        raw = RawBatch(
            bytes_BN=bytes_BN,
            row_B=row_B,
            first_B=rows.first_B,
            num_rows=np.array(rows.num_rows),
            low_B=features.matrices.low_U[row_B],
            width_B=features.matrices.width_U[row_B],
            frame_BT=rows.frame_BT,
            start_BT=rows.start_BT,
            length_B=rows.length_B,
            spk_id_B=batch.spk_id_B,
        )
        return (*raw, *(() if batch.num_frames_B is None else (batch.num_frames_B,)))

    def decode(self, batch, device):
        """x_BTD, spk_id_B (and num_frames_B) on the device, of the tensors of what was read."""
        num_rows = int(batch[RawBatch._fields.index("num_rows")])
        batch = [part.to(device, non_blocking=True) for part in batch]
        raw, lengths = RawBatch(*batch[: len(RawBatch._fields)]), batch[len(RawBatch._fields) :]
        bytes_BN = raw.bytes_BN
        if self._resident:
            bytes_BN = self._resident.cut(raw, num_rows, self._kind, self.feat_dim)
        x_BLD = decompress(bytes_BN, raw.low_B, raw.width_B, self._kind, self.feat_dim)
        x_BTD = normalise(x_BLD, raw.frame_BT, raw.start_BT, raw.length_B)
        return zeros_beyond(x_BTD, *(lengths or [None])), raw.spk_id_B, *lengths


class ResidentBytes:
    """The bytes of all matrices of a MatrixIndex, one after the other on a device.

    Raises StepsError, with both figures, if they do not fit.
    """

    def __init__(self, matrices, utts, device):
        size_U = matrices.num_bytes_U
        total, free = int(size_U.sum()), free_bytes(device)
        if total > free:
            raise StepsError(
                f"train: the features have {total / 1e9:.1f} GB, {device} has"
                f" {free / 1e9:.1f} GB free. Set train.decode to device."
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

    def cut(self, batch, num_rows, kind, dim):
        """bytes_BN of a RawBatch that is on this device; what lies past a matrix is rubbish."""
        start_B1 = self._start_U[batch.row_B][:, None]
        first_B1 = batch.first_B[:, None]
        device = self._bytes.device
        if kind != CM:
            row_bytes = MatrixIndex.row_bytes(kind, dim)
            index_BN = start_B1 + first_B1 * row_bytes
            index_BN = index_BN + torch.arange(num_rows * row_bytes, device=device)
        else:
            num_rows_B11 = self._num_rows_U[batch.row_B][:, None, None]
            column_1D1 = torch.arange(dim, device=device)[None, :, None]
            row_11L = torch.arange(num_rows, device=device)
            codes_BDL = column_1D1 * num_rows_B11 + first_B1[:, :, None] + row_11L
            codes_BN = (start_B1[:, :, None] + 8 * dim + codes_BDL).flatten(1)
            percentiles_BN = start_B1 + torch.arange(8 * dim, device=device)
            index_BN = torch.cat([percentiles_BN, codes_BN], dim=1)
        return self._bytes[index_BN.clamp_(max=len(self._bytes) - 1)]


def free_bytes(device):
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return 2**63


def decompress(bytes_BN, low_B, width_B, kind, dim):
    """Float32 rows (B, L, D) of the bytes of matrices; as src/matrix/compressed-matrix.cc."""
    num_chunks = len(bytes_BN)
    if kind in _NUMBERS:
        return bytes_BN.view(_NUMBERS[kind]).view(num_chunks, -1, dim).float()
    low_B11, width_B11 = low_B[:, None, None], width_B[:, None, None]
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
