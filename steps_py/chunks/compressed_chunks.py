"""Chunks as bytes of their archives, decoded and normalised on the device.

Reading a batch then needs one pread per chunk and no arithmetic: the bytes, a quarter of the size
of the features, are copied to the device and decoded there, with the result of
`host_features.VoicedFeatures` on the host.  A data set that fits can be kept on the device; then
only indices are copied.

Shape suffixes (scope: this module):
    B = chunks   T = frames of a chunk   L = rows around a chunk (maximum)   U = utterances
    D = feature dimension   N = bytes
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from steps_py.chunks.allocation import Chunks
from steps_py.chunks.device_features import (
    frames_around,
    normalise,
    rows_around,
    voiced_positions,
    zero_padding,
)
from steps_py.chunks.host_features import VoicedFeatures
from steps_py.chunks.sampler import Batch
from steps_py.errors import ConfigError, StepsError
from steps_py.feats.config import CmvnConfig
from steps_py.formats.archives import CM, CM2, CM3, DM, FM, KINDS, MatrixIndex, OpenFiles, naming

WHOLE_ROWS = 2  # a CM matrix of at most this many times the needed rows is read whole
_NUMBERS = {FM: torch.float32, DM: torch.float64, CM2: torch.int16, CM3: torch.uint8}


class CompressedBatch(NamedTuple):
    """Bytes of a batch and how to decode and normalise them; arrays, or tensors on any device."""

    bytes_N: np.ndarray  # uint8; empty if the data set is resident
    at_B: np.ndarray  # offset of a chunk: of its L rows, or in CM of the percentiles
    skip_B: np.ndarray  # CM: bytes from the end of the percentiles to the L rows of a column
    stride_B: np.ndarray  # CM: bytes from one column to the next
    num_rows: np.ndarray  # L, 0-dimensional
    low_B: np.ndarray  # float32, lower end of the value range of a compressed matrix
    width_B: np.ndarray  # float32, width of the value range
    frame_BT: np.ndarray  # this and the next two: fields of RowsAround
    last_B: np.ndarray
    length_B: np.ndarray
    spk_id_B: np.ndarray


class CompressedReader:
    """Reads the bytes of a `steps_py.chunks.sampler.Batch` and decodes them on a device.

    The features equal those of a FeatureReader up to rounding.

    Parameters
    ----------
    chunks : steps_py.chunks.allocation.Chunks
        Their matrices must have one type and dimension.
    cmvn : CmvnConfig
    device : torch.device
        The training device.
    resident : bool
        Keep the bytes of the whole data set on the device.

    Raises
    ------
    StepsError
        For matrices of several types or dimensions, or that do not fit on the device.
    ConfigError
        For cmvn.norm_vars.
    """

    def __init__(
        self, chunks: Chunks, cmvn: CmvnConfig, device: torch.device, resident: bool = False
    ):
        if cmvn.norm_vars:
            raise ConfigError(
                "train: cmvn.norm_vars is true, but variances are normalised on the host only. Set"
                " train.decode to host."
            )
        self._features = VoicedFeatures(chunks.utts, chunks.feats, chunks.vad, cmvn)
        matrices = self._features.matrices
        shapes = sorted(
            set(zip(matrices.kind_U.tolist(), matrices.num_cols_U.tolist(), strict=True))
        )
        if len(shapes) > 1:
            names = ", ".join(f"{KINDS[kind]} of {dim} columns" for kind, dim in shapes)
            raise StepsError(
                f"{chunks.path}: matrices of several types ({names}) cannot be decoded on the"
                " device. Compute all features with the same conf and feats.compress, or set"
                " train.decode to host."
            )
        ((self._kind, self.feat_dim),) = shapes
        self._num_frames_U = chunks.num_frames_U
        self._row_bytes = matrices.row_bytes(self._kind, self.feat_dim)
        self._percentile_bytes = 8 * self.feat_dim if self._kind == CM else 0
        self._resident = ResidentBytes(matrices, chunks.utts, device) if resident else None

    def chunk_bytes(self, num_frames: int) -> int:
        """Upper bound on the bytes of a chunk of `num_frames` voiced frames.

        It can be exceeded where silence separates the frames.
        """
        features = self._features
        around = frames_around(features.cmvn, features.voiced.num_frames_U)
        num_rows = WHOLE_ROWS * (num_frames + around)
        return 8 * (num_frames + len(CompressedBatch._fields)) + (
            0 if self._resident else num_rows * self._row_bytes
        )

    def read(self, batch: Batch) -> tuple[np.ndarray, ...]:
        """The fields of a CompressedBatch, and the numbers of frames (B,) if they differ."""
        features, row_B = self._features, batch.rows_B
        matrices = features.matrices
        index_BT = voiced_positions(batch, self._num_frames_U)
        rows = rows_around(features.voiced, features.utts, row_B, index_BT, features.cmvn)
        first_B, end_B, num_rows_B = rows.first_B, rows.end_B, matrices.num_rows_U[row_B]
        if self._resident or self._kind == CM:
            whole_B = num_rows_B <= WHOLE_ROWS * (end_B - first_B)
            whole_B |= self._resident is not None
            first_B, end_B = np.where(whole_B, 0, first_B), np.where(whole_B, num_rows_B, end_B)
        size_B = (end_B - first_B) * self._row_bytes + self._percentile_bytes
        at_B = size_B.cumsum() - size_B
        if self._resident:
            bytes_N, at_B = np.zeros(0, np.uint8), self._resident.start_U[row_B]
        else:
            bytes_N = np.empty(int(size_B.sum()), np.uint8)
            matrices.read_bytes(row_B, first_B, end_B, bytes_N, at_B)
        skip_B = rows.first_B - first_B
        if self._kind != CM:  # stored by rows
            at_B, skip_B = at_B + skip_B * self._row_bytes, np.zeros_like(skip_B)
        raw = CompressedBatch(
            bytes_N=bytes_N,
            at_B=at_B,
            skip_B=skip_B,
            stride_B=end_B - first_B,
            num_rows=np.array(rows.num_rows),
            low_B=matrices.low_U[row_B],
            width_B=matrices.width_U[row_B],
            frame_BT=rows.frame_BT,
            last_B=rows.last_B,
            length_B=rows.length_B,
            spk_id_B=batch.spk_id_B,
        )
        return (*raw, *(() if batch.num_frames_B is None else (batch.num_frames_B,)))

    def decode(
        self, batch: tuple[torch.Tensor, ...], device: torch.device
    ) -> tuple[torch.Tensor, ...]:
        """x_BTD, spk_id_B (and num_frames_B) on `device`, from the tensors of a batch."""
        num_rows = int(batch[CompressedBatch._fields.index("num_rows")])
        batch = [part.to(device, non_blocking=True) for part in batch]
        raw, lengths = (
            CompressedBatch(*batch[: len(CompressedBatch._fields)]),
            batch[len(CompressedBatch._fields) :],
        )
        if self._resident:
            raw = raw._replace(bytes_N=self._resident.bytes_N)
        x_BLD = decompress(raw, num_rows, self._kind, self.feat_dim)
        windows = raw.frame_BT, raw.last_B, raw.length_B, self._features.cmvn.window_frames
        x_BTD = normalise(x_BLD, *windows)
        return zero_padding(x_BTD, *(lengths or [None])), raw.spk_id_B, *lengths


class ResidentBytes:
    """The concatenated bytes of all matrices, `bytes_N`, on a device.

    The bytes of a matrix start at ``start_U[row]``, an array on the host.  Raises StepsError if
    they do not fit into the free memory.
    """

    def __init__(self, matrices: MatrixIndex, utts: Sequence[str], device: torch.device):
        size_U = matrices.num_bytes_U
        total, free = int(size_U.sum()), free_bytes(device)
        if total > free:
            raise StepsError(
                f"train: the features take {total / 1e9:.1f} GB, but {device} has only"
                f" {free / 1e9:.1f} GB free. Set train.decode to device."
            )
        self.start_U = np.cumsum(size_U) - size_U
        self.bytes_N = torch.empty(total, dtype=torch.uint8, device=device)
        ranges, files = zip(self.start_U.tolist(), size_U.tolist(), strict=True), OpenFiles()
        for row, (start, size) in enumerate(ranges):
            with naming(utts[row]):
                path, body = matrices.files[matrices.file_id_U[row]], int(matrices.body_U[row])
                data = bytearray(files.read(path, body, size))
            self.bytes_N[start : start + size] = torch.frombuffer(data, dtype=torch.uint8)


def free_bytes(device: torch.device) -> int:
    """Free memory of a GPU; unlimited on a CPU."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return 2**63


def decompress(raw: CompressedBatch, num_rows: int, kind: int, dim: int) -> torch.Tensor:
    """Float32 rows (B, L, D) of a CompressedBatch, as in src/matrix/compressed-matrix.cc.

    Rows after the last one of a chunk with fewer than `num_rows` are undefined.
    """
    low_B11, width_B11 = raw.low_B[:, None, None], raw.width_B[:, None, None]
    if kind == CM:
        return decompress_columns(raw, low_B11, width_B11, num_rows, dim)
    numbers_RD = raw.bytes_N.view(_NUMBERS[kind]).view(-1, dim)  # R: rows of all chunks
    first_B1 = raw.at_B[:, None] // (dim * numbers_RD.element_size())
    index_BL = first_B1 + torch.arange(num_rows, device=first_B1.device)
    numbers_BLD = numbers_RD[index_BL.clamp_(max=len(numbers_RD) - 1)]
    if kind in (FM, DM):
        return numbers_BLD.float()
    codes_BLD, top = (unsigned(numbers_BLD), 65535) if kind == CM2 else (numbers_BLD.float(), 255)
    return low_B11 + codes_BLD * (width_B11 / top)


def decompress_columns(
    raw: CompressedBatch,
    low_B11: torch.Tensor,
    width_B11: torch.Tensor,
    num_rows: int,
    dim: int,
) -> torch.Tensor:
    """CM: the bytes of a column are interpolated linearly between its four percentiles."""
    split, last, device = 8 * dim, len(raw.bytes_N) - 1, raw.bytes_N.device
    percentiles_BN = raw.bytes_N[raw.at_B[:, None] + torch.arange(split, device=device)]
    percentiles_BD4 = unsigned(percentiles_BN.view(torch.int16)).view(-1, dim, 4)
    points_BD4 = low_B11 + width_B11 * (percentiles_BD4 / 65535)
    column_D = torch.arange(dim, device=device)
    at_BD = (raw.at_B + split + raw.skip_B)[:, None] + raw.stride_B[:, None] * column_D
    index_BDL = at_BD[:, :, None] + torch.arange(num_rows, device=device)
    codes_BLD = raw.bytes_N[index_BDL.clamp_(max=last)].transpose(1, 2).float()
    p0, p25, p75, p100 = points_BD4[:, None].unbind(dim=3)
    below = p0 + (p25 - p0) * (codes_BLD / 64)
    middle = p25 + (p75 - p25) * ((codes_BLD - 64) / 128)
    above = p75 + (p100 - p75) * ((codes_BLD - 192) / 63)
    return torch.where(codes_BLD <= 64, below, torch.where(codes_BLD <= 192, middle, above))


def unsigned(numbers: torch.Tensor) -> torch.Tensor:
    """Unsigned 16-bit integers, stored as int16, as float32."""
    return (numbers.int() & 0xFFFF).float()
