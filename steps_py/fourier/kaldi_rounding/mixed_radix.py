"""The Fourier transform of any length with Kaldi's rounding (RealFft of matrix-functions.cc).

For frames that are not padded to a power of two. For those that are, see split_radix.py, which
also explains why the rounding matters.

Method: mixed radix, decimation in time, prime factors in ascending order.

Shapes: B frames, J transforms of N = P Q complex points each (P prime), H points of all.
"""

from functools import cache

import numpy as np

from steps_py.fourier.kaldi_rounding.libm import cosf, sinf
from steps_py.fourier.kaldi_rounding.split_radix import split_real


def rfft_of_any_length_like_kaldi(x_BL: np.ndarray) -> np.ndarray:
    """Transform (B, L/2 + 1) complex64 of real float32 frames of even length L.

    >>> rfft_of_any_length_like_kaldi(np.eye(1, 6, dtype=np.float32)).real.tolist()
    [[1.0, 1.0, 1.0, 1.0]]
    """
    num_frames, length = x_BL.shape
    assert length % 2 == 0
    points = np.ascontiguousarray(x_BL.T)[None]
    re_HB, im_HB = _transform(points[:, 0::2], points[:, 1::2], prime_factors(length // 2))
    spec_BF = np.empty((num_frames, length // 2 + 1), np.complex64)
    split_real(re_HB[0], im_HB[0], spec_BF)
    return spec_BF


def prime_factors(number: int) -> list[int]:
    """Prime factors in ascending order, with repetitions.

    >>> prime_factors(200)
    [2, 2, 2, 5, 5]
    """
    factors, factor = [], 2
    while number > 1:
        while number % factor:
            factor += 1
        factors.append(factor)
        number //= factor
    return factors


def _transform(re, im, factors):
    """Transforms (J, N, B) of complex points re + i im, along N."""
    if not factors:
        return re, im
    num_transforms, num_points, num_frames = re.shape
    radix = factors[0]
    quotient = num_points // radix
    split = (num_transforms, quotient, radix, num_frames)
    parts = (x.reshape(split).swapaxes(1, 2).reshape(-1, quotient, num_frames) for x in (re, im))
    joined = (num_transforms, radix, quotient, num_frames)
    re, im = (x.reshape(joined) for x in _transform(*parts, factors[1:]))
    sums = []
    for turns in _twiddles(num_points, radix):  # of one part of the result, from each of these
        sum_re, sum_im = re[:, 0].copy(), im[:, 0].copy()
        for number, (cos, sin) in enumerate(turns, 1):
            sum_re += re[:, number] * cos - im[:, number] * sin
            sum_im += re[:, number] * sin + im[:, number] * cos
        sums.append((sum_re, sum_im))
    return tuple(np.concatenate(x, axis=1) for x in zip(*sums, strict=True))


@cache
def _twiddles(num_points, radix):
    """[p'][p - 1] -> cos and sin (Q, 1) of -2 pi p (p' Q + q') / N, by recurrence."""
    quotient = num_points // radix
    roots = [_unit(np.float32(-2 * np.pi / number)) for number in (num_points, radix)]
    turn, first = (np.float32(1), np.float32(0)), []
    for _ in range(quotient):
        first.append(turn)
        turn = _times(turn, roots[0])
    base = tuple(np.array(x, np.float32)[:, None] for x in zip(*first, strict=True))
    table = []
    for _ in range(radix):
        powers = [base]
        while len(powers) < radix - 1:
            powers.append(_times(powers[-1], base))
        table.append(powers)
        base = _times(base, roots[1])
    return table


def _unit(angle):
    return cosf(angle), sinf(angle)


def _times(a, b):
    return a[0] * b[0] - a[1] * b[1], a[0] * b[1] + a[1] * b[0]
