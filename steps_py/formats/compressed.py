"""Kaldi's lossy compressed matrices, CM, CM2 and CM3 (src/matrix/compressed-matrix.{h,cc}).

    CM   one byte an element, in columns; each column has four uint16 percentiles (0, 25,
         75, 100) and its bytes run linearly between them: 0..64, 64..192, 192..255
    CM2  two bytes an element, in rows, linear over the matrix's range
    CM3  one byte an element, in rows, linear over the matrix's range

Arithmetic follows Kaldi's types (float32 with a few float64 steps), so that the bytes
are the same as Kaldi's.

Shape suffixes (scope: this module):
    T = rows (frames)   D = columns   B = values of a byte
"""

import struct

import numpy as np

from steps_py.errors import TableError

HEADER = struct.Struct("<ffii")  # min_value, range, num_rows, num_cols
METHODS = range(1, 8)

_AUTO, _SPEECH, _TWO_BYTE_AUTO, _TWO_BYTE_SIGNED, _ONE_BYTE_AUTO, _ONE_BYTE_UNSIGNED, _ZERO_ONE = (
    METHODS
)
_FIXED_RANGES = {
    _TWO_BYTE_SIGNED: (-32768.0, 65535.0),
    _ONE_BYTE_UNSIGNED: (0.0, 255.0),
    _ZERO_ONE: (0.0, 1.0),
}
_TOKENS = {
    _SPEECH: b"CM ",
    _TWO_BYTE_AUTO: b"CM2 ",
    _TWO_BYTE_SIGNED: b"CM2 ",
    _ONE_BYTE_AUTO: b"CM3 ",
    _ONE_BYTE_UNSIGNED: b"CM3 ",
    _ZERO_ONE: b"CM3 ",
}
_UINT16_STEP = np.float32(1.52590218966964e-05)  # 1 / 65535
# The byte value b lies in segment _SEGMENT[b] of a column's percentiles, _OFFSET[b] steps
# of _SCALE[b] from the segment's lower end.
_BYTES = np.arange(256)
_SEGMENT = np.where(_BYTES <= 64, 0, np.where(_BYTES <= 192, 1, 2))
_SEGMENT_SIZES = np.bincount(_SEGMENT)
_OFFSET = (_BYTES - np.array([0, 64, 192])[_SEGMENT]).astype(np.float32)
_SCALE = np.array([1 / 64.0, 1 / 128.0, 1 / 63.0])[_SEGMENT]
_ROWS_AT_ONCE = 1024  # whose indices stay in the processor's cache


def compress(x_TD: np.ndarray, method: int = _AUTO) -> bytes:
    """The matrix as Kaldi's CompressedMatrix writes it after the binary marker.

    Parameters
    ----------
    x_TD : float array of shape (T, D)
        All finite.
    method : int
        1 automatic (2 if T > 8, else 3), 2 speech features (CM), 3 two bytes over the
        matrix's range (CM2), 4 two bytes over [-32768, 32767] (CM2), 5 one byte over the
        matrix's range (CM3), 6 one byte over [0, 255] (CM3), 7 one byte over [0, 1] (CM3).

    Returns
    -------
    bytes

    Raises
    ------
    TableError
        If a value is not finite, or `method` is none of the seven.

    Examples
    --------
    >>> data = compress(np.array([[0.0, 255.0]]), method=6)
    >>> data[:4], data[-2:]
    (b'CM3 ', b'\\x00\\xff')
    """
    if method not in METHODS:
        raise TableError(f"compression method {method} does not exist. Use one of 1 to 7.")
    x_TD = np.asarray(x_TD, dtype=np.float32)
    num_rows, num_cols = x_TD.shape
    if num_rows == 0:
        return b"CM " + HEADER.pack(0, 0, 0, 0)
    if method == _AUTO:
        method = _SPEECH if num_rows > 8 else _TWO_BYTE_AUTO
    low, width = _FIXED_RANGES.get(method) or _range_of(x_TD)
    low, width = np.float32(low), np.float32(width)
    if _TOKENS[method] == b"CM ":
        body = _encode_columns(x_TD, low, width)
    elif _TOKENS[method] == b"CM2 ":
        body = _to_steps(x_TD, low, width, 65535).astype("<u2").tobytes()
    else:
        body = _to_steps(x_TD, low, width, 255).astype("u1").tobytes()
    return _TOKENS[method] + HEADER.pack(low, width, num_rows, num_cols) + body


def num_body_bytes(token: bytes, num_rows: int, num_cols: int) -> int:
    """Bytes after the header of a matrix of this size.

    >>> num_body_bytes(b"CM", 100, 13), num_body_bytes(b"CM2", 100, 13)
    (1404, 2600)
    """
    if token == b"CM":
        return num_cols * (8 + num_rows)
    return num_rows * num_cols * (2 if token == b"CM2" else 1)


def decompress(token: bytes, header: tuple, body: bytes, bounds=None) -> np.ndarray:
    """The float32 matrix of a body read after `header`.

    Parameters
    ----------
    token : bytes
        ``b"CM"``, ``b"CM2"`` or ``b"CM3"``.
    header : tuple
        (min_value, range, num_rows, num_cols), as HEADER unpacks them.
    body : bytes
        All num_body_bytes of them.
    bounds : (row, row, col, col), optional
        Decode only this half-open part; the cost is proportional to its size.

    Returns
    -------
    x_TD : float32 array
    """
    low, width, num_rows, num_cols = header
    low, width = np.float32(low), np.float32(width)
    row, row_end, col, col_end = bounds or (0, num_rows, 0, num_cols)
    if token == b"CM":
        percentiles_D4 = np.frombuffer(body, "<u2", 4 * num_cols).reshape(num_cols, 4)
        codes_DT = np.frombuffer(body, "u1", offset=8 * num_cols).reshape(num_cols, num_rows)
        part = slice(col, col_end)
        return _decode_columns(percentiles_D4[part], codes_DT[part, row:row_end], low, width)
    dtype, top = ("<u2", 65535.0) if token == b"CM2" else ("u1", 255.0)
    codes_TD = np.frombuffer(body, dtype).reshape(num_rows, num_cols)[row:row_end, col:col_end]
    with np.errstate(over="ignore", invalid="ignore"):
        step = np.float32(np.float64(width) * (1.0 / top))
        return low + codes_TD.astype(np.float32) * step


class ColumnDecoder:
    """Decodes CM matrices to the numbers of `decompress`, from their bytes in memory.

    It reuses its index buffer, so each thread needs its own decoder.

    >>> data = compress(np.array([[0.0, 4.0], [1.0, 5.0], [2.0, 6.0]]), method=2)
    >>> header, body = HEADER.unpack(data[3:19]), data[19:]
    >>> ColumnDecoder(2).decode(header, body, 1, 3).round(3)
    array([[1., 5.],
           [2., 6.]], dtype=float32)
    """

    def __init__(self, num_cols: int):
        self._index_TD = np.empty((_ROWS_AT_ONCE, num_cols), "<i8")
        self._index_TD[:] = 256 * np.arange(num_cols)
        # a code is the lowest byte of its index into the tables of all columns: no addition needed
        self._code_TD = self._index_TD.view(np.uint8)[:, ::8]

    def decode(
        self, header: tuple[float, float, int, int], body: bytes, row: int, row_end: int
    ) -> np.ndarray:
        """Float32 rows [row, row_end)."""
        low, width, num_rows, num_cols = header
        percentiles_D4 = np.frombuffer(body, "<u2", 4 * num_cols).reshape(num_cols, 4)
        codes_DT = np.frombuffer(body, "u1", offset=8 * num_cols).reshape(num_cols, num_rows)
        codes_TD = codes_DT[:, row:row_end].T
        with np.errstate(over="ignore", invalid="ignore"):
            points_D4 = _to_float(percentiles_D4, np.float32(low), np.float32(width))
            table_DB = _table_of_columns(points_D4, points_D4[:, 1:] - points_D4[:, :3])
        x_TD = np.empty(codes_TD.shape, np.float32)
        for t in range(0, len(x_TD), _ROWS_AT_ONCE):
            part_TD = x_TD[t : t + _ROWS_AT_ONCE]
            self._code_TD[: len(part_TD)] = codes_TD[t : t + _ROWS_AT_ONCE]
            # "clip" writes to `out` directly; no index is outside
            table_DB.reshape(-1).take(self._index_TD[: len(part_TD)], out=part_TD, mode="clip")
        return x_TD


def _range_of(x_TD):
    low, high = x_TD.min(), x_TD.max()
    if not (np.isfinite(low) and np.isfinite(high)):
        raise TableError("cannot compress a matrix with NaN or infinite values.")
    if high == low:  # a constant matrix still needs a range
        high = np.float32(float(low) + (1.0 + abs(float(low))))
    with np.errstate(over="ignore"):
        width = np.float32(high) - low
    if not np.isfinite(width):
        raise TableError(f"cannot compress a matrix with values from {low:g} to {high:g}.")
    return low, width


def _to_steps(x, low, width, top):
    """The number of `width / top` steps from `low`, rounded as Kaldi rounds; int64 array."""
    with np.errstate(over="ignore", invalid="ignore"):
        fraction = np.clip((x - low) / width, np.float32(0), np.float32(1))
    if np.isnan(fraction).any():
        raise TableError("cannot compress a matrix with NaN values.")
    return ((fraction * np.float32(top)).astype(np.float64) + 0.499).astype(np.int64)


def _encode_columns(x_TD, low, width):
    percentiles_4D = _percentiles(x_TD, low, width)
    p0, p25, p75, p100 = _to_float(percentiles_4D, low, width)
    below = _segment_code(x_TD, p0, p25, 0, 64)
    middle = _segment_code(x_TD, p25, p75, 64, 192)
    above = _segment_code(x_TD, p75, p100, 192, 255)
    codes_TD = np.where(x_TD < p25, below, np.where(x_TD < p75, middle, above))
    return percentiles_4D.T.astype("<u2").tobytes() + codes_TD.T.astype("u1").tobytes()


def _percentiles(x_TD, low, width):
    """Kaldi's ComputeColHeader: strictly increasing uint16 steps, as an int64 array (4, D)."""
    num_rows = len(x_TD)
    if num_rows >= 5:
        quarter = num_rows // 4
        ranks = [0, quarter, 3 * quarter, num_rows - 1]
        sorted_4D = np.partition(x_TD, ranks, axis=0)[ranks]
    else:
        sorted_4D = np.sort(x_TD, axis=0)
    steps = list(_to_steps(sorted_4D, low, width, 65535))
    chosen = [np.minimum(steps[0], 65532)]
    for rank, ceiling in ((1, 65533), (2, 65534), (3, 65535)):
        least = chosen[-1] + 1
        wanted = np.maximum(steps[rank], least) if rank < len(steps) else least
        chosen.append(np.minimum(wanted, ceiling))
    return np.stack(chosen)


def _to_float(steps, low, width):
    return low + (width * _UINT16_STEP) * steps.astype(np.float32)


def _segment_code(x_TD, lower_D, upper_D, first, last):
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        fraction_TD = (x_TD - lower_D) / (upper_D - lower_D)
        code_TD = (fraction_TD * np.float32(last - first)).astype(np.float64) + 0.5
    # the fraction of a column without range is nan; Kaldi's cast gives the lower end
    code_TD = np.where(np.isfinite(code_TD), code_TD, 0.0)
    return first + np.clip(np.trunc(code_TD), 0, last - first).astype(np.int64)


def _decode_columns(percentiles_D4, codes_DT, low, width):
    with np.errstate(over="ignore", invalid="ignore"):
        points_D4 = _to_float(percentiles_D4, low, width)
        gaps_D3 = np.diff(points_D4, axis=1)
        if codes_DT.shape[1] < 256:
            segment_DT = _SEGMENT[codes_DT]
            rise_DT = np.take_along_axis(gaps_D3, segment_DT, axis=1) * _OFFSET[codes_DT]
            base_DT = np.take_along_axis(points_D4, segment_DT, axis=1)
            x_DT = (base_DT + rise_DT * _SCALE[codes_DT]).astype(np.float32)
        else:  # long enough for a table of all 256 values of each column
            table_DB = _table_of_columns(points_D4, gaps_D3)
            first_D = 256 * np.arange(len(codes_DT), dtype=np.uint32)
            if len(codes_DT) <= 256:
                first_D = first_D.astype(np.uint16)  # smaller indices are faster
            return table_DB.reshape(-1).take(codes_DT.T + first_D)
    return np.ascontiguousarray(x_DT.T)


def _table_of_columns(points_D4, gaps_D3):
    """The value of each byte in each column, float32 (D, 256)."""
    rise_DB = np.repeat(gaps_D3, _SEGMENT_SIZES, axis=1)
    rise_DB *= _OFFSET
    table_DB = rise_DB * _SCALE
    table_DB += np.repeat(points_D4[:, :3], _SEGMENT_SIZES, axis=1)
    return table_DB.astype(np.float32)
