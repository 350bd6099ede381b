"""A product with three evenly spaced frames: six products for four frames, not twelve.

Winograd's algorithm F(4, 3): four frames of the output that are `spacing` apart depend on six of
the input. Evaluated at five points and at infinity, they need one product of a frame with a matrix
at each of these, and additions before and after

    y (4 frames) = JOIN [(SPLIT x (6 frames)) * (SPREAD of the three matrices)]

Half of the multiplications remain.  The points are those of the smallest rounding error among
eighths: it is 2.5 times that of the plain product.  S. Winograd, "Arithmetic complexity of
computations", 1980; A. Lavin and S. Gray, "Fast algorithms for convolutional neural networks",
CVPR 2016, section 4; B. Barabasz et al., "Error analysis and improving the accuracy of Winograd
convolution for deep neural networks", 2020, on the points.

Shape suffixes (scope: this module):
    T = frames   D = inputs of one frame   O = outputs   K = blocks   P = points, six
    S = inputs or outputs of `spacing` frames   R = rows of a block (4 or 6)
"""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    pass

WORTH_FRAMES = 64  # below, the plain product is as fast
_POINTS = (0, 0.75, -0.75, 1.5, -1.5)


def _constants():
    """(SPLIT (6, 6), SPREAD (6, 3), JOIN (4, 6)) of the points and infinity, float32."""
    split, spread, join = np.zeros((6, 6)), np.zeros((6, 3)), np.zeros((4, 6))
    for i, point in enumerate(_POINTS):
        others = [other for other in _POINTS if other != point]
        split[i, :5] = np.poly(others)[::-1]
        spread[i] = point ** np.arange(3) / np.prod(np.subtract(point, others))
        join[:, i] = point ** np.arange(4)
    split[5] = np.poly(_POINTS)[::-1]
    spread[5, 2] = join[3, 5] = 1
    return tuple(matrix.astype(np.float32) for matrix in (split, spread, join))


_SPLIT, _SPREAD, _JOIN = _constants()


class SpacedProduct:
    """y[t] = A x[t] + B x[t + spacing] + C x[t + 2 spacing].

    Parameters
    ----------
    weight_OI : float32 array (O, 3 D)
        A, B and C side by side.
    spacing : int

    >>> product = SpacedProduct(np.ones((1, 3), np.float32), spacing=2)
    >>> product([np.arange(7, dtype=np.float32)[:, None]])[:, 0].round(4)
    array([ 6.,  9., 12.], dtype=float32)
    """

    def __init__(self, weight_OI: np.ndarray, spacing: int):
        num_outputs, dim = len(weight_OI), weight_OI.shape[1] // 3
        self.spacing = spacing
        self._weight_POD = np.empty((6, num_outputs, dim), np.float32)
        np.matmul(
            _SPREAD,
            weight_OI.reshape(num_outputs, 3, dim),
            out=self._weight_POD.transpose(1, 0, 2),
        )

    def __call__(self, utts):
        """x (T, D) of each utterance -> all y (sum of T - 2 spacing, O), one after another."""
        num_frames = [len(x_TD) - 2 * self.spacing for x_TD in utts]
        num_blocks = [-(-count // (4 * self.spacing)) for count in num_frames]
        in_PKS = self._split(utts, num_blocks)
        in_PTD = in_PKS.reshape(6, -1, utts[0].shape[1])
        out_PTO = np.matmul(in_PTD, self._weight_POD.transpose(0, 2, 1))
        return self._join(out_PTO, num_blocks, num_frames)

    def _split(self, utts, num_blocks):
        dim, start = utts[0].shape[1], 0
        in_PKS = np.empty((6, sum(num_blocks), self.spacing * dim), np.float32)
        for x_TD, count in zip(utts, num_blocks, strict=True):
            in_KPS = in_PKS[:, start : start + count].transpose(1, 0, 2)
            frames_KRS, last_RS = self._blocks(x_TD, count)
            np.matmul(_SPLIT, frames_KRS, out=in_KPS[:-1])
            np.matmul(_SPLIT, last_RS, out=in_KPS[-1])
            start += count
        return in_PKS

    def _blocks(self, x_TD, count):
        """The blocks, each with the two first parts of the next; the last, filled with zeros."""
        size = self.spacing * x_TD.shape[1]
        flat = np.ascontiguousarray(x_TD, np.float32).reshape(-1)
        filled = np.zeros(6 * size, np.float32)
        rest = flat[4 * size * (count - 1) :]
        filled[: len(rest)] = rest
        if count == 1:
            return np.empty((0, 6, size), np.float32), filled.reshape(6, size)
        windows = np.lib.stride_tricks.sliding_window_view(flat, 6 * size)[:: 4 * size]
        return windows[: count - 1].reshape(-1, 6, size), filled.reshape(6, size)

    def _join(self, out_PTO, num_blocks, num_frames):
        num_outputs = out_PTO.shape[2]
        size = self.spacing * num_outputs
        out_PKS = out_PTO.reshape(6, -1, size)
        unused = 4 * self.spacing * num_blocks[-1] - num_frames[-1]
        y_TO = np.empty((sum(num_frames) + unused, num_outputs), np.float32)
        start = block = 0
        for count, frames in zip(num_blocks, num_frames, strict=True):
            # The end of the last block is beyond the utterance: the next utterance overwrites it.
            y_KRS = y_TO[start : start + 4 * self.spacing * count].reshape(count, 4, size)
            np.matmul(_JOIN, out_PKS[:, block : block + count].transpose(1, 0, 2), out=y_KRS)
            start, block = start + frames, block + count
        return y_TO[: sum(num_frames)]


def spacing_of(terms: "tuple") -> int | None:
    """The spacing of three terms that read one node at evenly spaced offsets; None if they do not.

    >>> from steps_py.nnet3.descriptors import parse
    >>> spacing_of(parse("Append(Offset(a, -2), a, Offset(a, 2))", ["a"]).parts())
    2
    """
    reads = []
    for term in terms:
        offset = term.values[0] if term.kind == "Offset" else 0
        term = term.terms[0] if term.kind == "Offset" else term
        if term.kind != "node":
            return None
        reads.append((term.values[0], offset))
    if len(reads) != 3 or len({source for source, _ in reads}) > 1:
        return None
    first, middle, last = (offset for _, offset in reads)
    return middle - first if middle - first == last - middle > 0 else None
