"""An affine map of three evenly spaced frames with four products for two frames, not six.

For two frames of the output that are `spacing` apart, y0 = x0 A + x1 B + x2 C and
y1 = x1 A + x2 B + x3 C.  With P = (A + B + C) / 2 and Q = (A - B + C) / 2

    y0 = (x0 - x2) A + (x1 + x2) P + (x2 - x1) Q
    y1 = (x1 + x2) P - (x2 - x1) Q - (x1 - x3) C

Two thirds of the multiplications remain, and the factors are small: the rounding error stays
that of single precision.  S. Winograd, "Arithmetic complexity of computations", 1980; A. Lavin
and S. Gray, "Fast algorithms for convolutional neural networks", CVPR 2016, section 4.1.

Shape suffixes (scope: this module):
    T = frames   D = inputs of one frame   O = outputs   K = pairs   S = spacing   F = four
"""

import numpy as np

WORTH_FRAMES = 64  # below, the plain product is as fast


class SpacedAffine:
    """y[t] = x[t] A + x[t + spacing] B + x[t + 2 spacing] C + bias.

    Parameters
    ----------
    weight_IO : float32 array (3 D, O)
        A, B and C, one below the other.
    bias_O : float32 array (O,)
    spacing : int

    >>> ones = np.ones((3, 1), np.float32)
    >>> SpacedAffine(ones, ones[0], spacing=2)(np.arange(7, dtype=np.float32)[:, None])[:, 0]
    array([ 7., 10., 13.], dtype=float32)
    """

    def __init__(self, weight_IO, bias_O, spacing):
        a_DO, b_DO, c_DO = np.split(weight_IO, 3)
        half_DO = (a_DO + c_DO) / 2
        self.weight_FDO = np.stack([a_DO, half_DO + b_DO / 2, half_DO - b_DO / 2, c_DO])
        self.bias_O, self.spacing = bias_O, spacing

    def __call__(self, x_TD):
        """x (T, D) -> y (T - 2 spacing, O)"""
        num_frames, dim = len(x_TD) - 2 * self.spacing, x_TD.shape[1]
        num_pairs = -(-num_frames // (2 * self.spacing))
        shape = num_pairs, 2, self.spacing, dim
        filled_TD = np.zeros(((num_pairs + 1) * 2 * self.spacing, dim), np.float32)
        filled_TD[: len(x_TD)] = x_TD
        x01_K2SD = filled_TD[: -2 * self.spacing].reshape(shape)
        x23_K2SD = filled_TD[2 * self.spacing :].reshape(shape)
        x0_KSD, x1_KSD = x01_K2SD[:, 0], x01_K2SD[:, 1]
        x2_KSD, x3_KSD = x23_K2SD[:, 0], x23_K2SD[:, 1]
        in_FKSD = np.empty((4, num_pairs, self.spacing, dim), np.float32)
        np.subtract(x0_KSD, x2_KSD, out=in_FKSD[0])
        np.add(x1_KSD, x2_KSD, out=in_FKSD[1])
        np.subtract(x2_KSD, x1_KSD, out=in_FKSD[2])
        np.subtract(x1_KSD, x3_KSD, out=in_FKSD[3])
        return self._join(np.matmul(in_FKSD.reshape(4, -1, dim), self.weight_FDO))[:num_frames]

    def _join(self, out_FTO):
        """The frames from the four products of each pair."""
        num_outputs = out_FTO.shape[2]
        first, plus, minus, last = out_FTO.reshape(4, -1, self.spacing, num_outputs)
        plus += self.bias_O
        y_K2SO = np.empty((len(first), 2, self.spacing, num_outputs), np.float32)
        np.add(first, plus, out=y_K2SO[:, 0])
        y_K2SO[:, 0] += minus
        np.subtract(plus, minus, out=y_K2SO[:, 1])
        y_K2SO[:, 1] -= last
        return y_K2SO.reshape(-1, num_outputs)


def spacing_of(terms):
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
