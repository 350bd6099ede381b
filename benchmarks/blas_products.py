"""Square matrix products of a number of floating-point operations, and nothing else.

    python -m benchmarks.blas_products 40e9 float64

The other side of a benchmark without Kaldi: what its arithmetic would take at the speed that
BLAS reaches on large matrices.
"""

import sys

import numpy as np

SIDE = 1024


def main() -> None:
    num_operations, dtype = float(sys.argv[1]), sys.argv[2]
    a, b = np.random.default_rng(0).standard_normal((2, SIDE, SIDE)).astype(dtype)
    out = np.empty_like(a)
    for _ in range(max(1, round(num_operations / (2 * SIDE**3)))):
        np.dot(a, b, out=out)


if __name__ == "__main__":
    main()
