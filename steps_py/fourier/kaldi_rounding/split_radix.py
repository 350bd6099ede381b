"""The Fourier transform with Kaldi's rounding (src/matrix/srfft.cc), many frames at once.

Any good transform agrees with Kaldi's to seven digits of the strongest frequency. A frequency
that is 100 dB weaker then agrees to two digits only, which is visible in features without a
logarithm and without averaging by a filter. This transform is used for those: the same
butterflies in the same order give the same rounding. It takes about ten times as long as numpy's.

Method: split radix, decimation in frequency.  A block of m points becomes one of m/2 and
two of m/4; blocks of equal size are handled together.

Shapes: B frames, P samples of a frame (a power of two, 8 or more), H = P/2 complex points,
J blocks of m points.
"""

from functools import cache

import numpy as np

from steps_py.fourier.kaldi_rounding.libm import cosf, sinf

SQRT_HALF = np.float32(np.sqrt(0.5))


def rfft_like_kaldi(x_BP: np.ndarray) -> np.ndarray:
    """Transform (B, P/2 + 1) complex64 of real float32 frames.

    >>> rfft_like_kaldi(np.eye(1, 8, dtype=np.float32)).real.tolist()
    [[1.0, 1.0, 1.0, 1.0, 1.0]]
    """
    num_frames, padded = x_BP.shape
    assert padded >= 8 and padded & (padded - 1) == 0
    points = np.ascontiguousarray(x_BP.T)
    re_HB, im_HB = _complex_fft(points[0::2], points[1::2])
    spec_BF = np.empty((num_frames, padded // 2 + 1), np.complex64)
    split_real(re_HB, im_HB, spec_BF)
    return spec_BF


def _complex_fft(re_HB, im_HB):
    """Unscaled forward transform of points re + i im, frequencies in natural order."""
    num_points, num_frames = re_HB.shape
    log_size = num_points.bit_length() - 1
    blocks = [(re_HB[None], im_HB[None])]  # all blocks of the present size ...
    quarters = []  # ... and those of half that size, from the previous iteration
    for log_block in range(log_size, 1, -1):
        re, im = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
        half = re.shape[1] // 2
        difference = re[:, :half] - re[:, half:], im[:, :half] - im[:, half:]
        blocks = [(re[:, :half] + re[:, half:], im[:, :half] + im[:, half:]), *quarters]
        quarters = [_quarters(*difference, log_block)]
    re, im = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
    pairs = [np.stack((x[:, 0] + x[:, 1], x[:, 0] - x[:, 1]), axis=1) for x in (re, im)]
    done = [
        np.concatenate((pair.reshape(-1, num_frames), single.reshape(-1, num_frames)))
        for pair, single in zip(pairs, quarters[0], strict=True)
    ]
    order = _natural_order(log_size)
    return done[0][order], done[1][order]


def _quarters(re, im, log_block):
    """The two quarter blocks (2J, m/4, B) of differences (J, m/2, B), times their twiddles."""
    num_blocks, half, num_frames = re.shape
    quarter = half // 2
    a, b = re[:, :quarter], re[:, quarter:]
    c, d = im[:, :quarter], im[:, quarter:]
    x = np.stack((a + d, a - d))  # real parts of the first and the second quarter block
    y = np.stack((c - b, c + b))  # imaginary parts
    if quarter > 1:
        eighth = quarter // 2
        x8, y8 = x[:, :, eighth].copy(), y[:, :, eighth].copy()
        cos, plus, minus = _twiddles(log_block)
        common = cos * (x + y)
        turned = plus * x + common
        new_x = minus * y + common
        new_x[:, :, 0], turned[:, :, 0] = x[:, :, 0], y[:, :, 0]
        new_x[0, :, eighth] = SQRT_HALF * (x8[0] + y8[0])
        turned[0, :, eighth] = SQRT_HALF * (y8[0] - x8[0])
        new_x[1, :, eighth] = SQRT_HALF * (y8[1] - x8[1])
        turned[1, :, eighth] = -SQRT_HALF * (x8[1] + y8[1])
        x, y = new_x, turned
    shape = (2 * num_blocks, quarter, num_frames)
    return x.reshape(shape), y.reshape(shape)


@cache
def _twiddles(log_block):
    """cos, -(sin + cos) and sin - cos (2, 1, m/4, 1) of the angle and of its triple."""
    size = 1 << log_block
    steps = np.array([[1.0], [3.0]]) * np.arange(size // 4)
    angle = (steps * (2 * np.pi) / size).astype(np.float32)
    cos, sin = cosf(angle), sinf(angle)
    return tuple(table[:, None, :, None] for table in (cos, -(sin + cos), sin - cos))


@cache
def _natural_order(log_size):
    """The row of each frequency in the joined pairs and singles of `_complex_fft`."""
    starts, quarters = np.zeros(1, int), []
    for log_block in range(log_size, 1, -1):
        size = 1 << log_block
        later = [starts + size // 2, starts + 3 * size // 4]
        starts, quarters = np.concatenate((starts, *quarters)), later
    rows = np.concatenate((np.add.outer(starts, [0, 1]).ravel(), *quarters))
    reversed_bits = [int(f"{k:0{log_size}b}"[::-1], 2) for k in range(1 << log_size)]
    return np.argsort(rows)[reversed_bits]


def split_real(re_HB: np.ndarray, im_HB: np.ndarray, spec_BF: np.ndarray) -> None:
    """Spectra (B, H + 1) of real frames from those (H, B) of their even + i odd samples."""
    half = len(re_HB)
    near = slice(1, half // 2 + 1)
    far = slice(half - 1, half - half // 2 - 1, -1)
    even_re = np.float32(0.5) * (re_HB[near] + re_HB[far])
    even_im = np.float32(0.5) * (im_HB[near] - im_HB[far])
    odd_re = np.float32(0.5) * (im_HB[near] + im_HB[far])
    odd_im = np.float32(-0.5) * (re_HB[near] - re_HB[far])
    roots = drifting_roots(2 * half)[:, None]
    cos, sin = roots.real, roots.imag
    turned_re = odd_re * cos - odd_im * sin
    turned_im = odd_re * sin + odd_im * cos
    spec_BF.real[:, far] = (even_re - turned_re).T
    spec_BF.imag[:, far] = (turned_im - even_im).T
    spec_BF.real[:, near] = (even_re + turned_re).T
    spec_BF.imag[:, near] = (even_im + turned_im).T
    spec_BF[:, 0] = re_HB[0] + im_HB[0]
    spec_BF[:, half] = re_HB[0] - im_HB[0]


@cache
def drifting_roots(num_points: int) -> np.ndarray:
    """exp(-2 pi i k / P) (P/4,) complex64 for k = 1, 2, ..., by recurrence.

    Rounding errors accumulate: the last values are off the unit circle by 1e-6 for P = 1024 and
    by up to 1e-4 for P = 32768.
    """
    angle = np.float32(-2 * np.pi / num_points)
    root = complex(cosf(angle), sinf(angle))
    return np.multiply.accumulate(np.full(num_points // 4, root, np.complex64))
