"""Clustering of the 2,000 windows of a recording to 8 speakers, beside scikit-learn.

Shape suffixes (scope: this module):
    N = windows   D = dimension
"""

import sys

import numpy as np

from benchmarks import inputs
from benchmarks.harness import Case

NUM_WINDOWS, NUM_SPEAKERS, DIM = 2000, 8, 192


def make_inputs(folder, scale=1.0):
    rng = inputs.rng_of("diarization")
    num_windows = max(int(NUM_WINDOWS * scale), 10 * NUM_SPEAKERS)
    means = rng.standard_normal((NUM_SPEAKERS, DIM))
    x_ND = means[rng.integers(0, NUM_SPEAKERS, num_windows)]
    np.save(folder / "x.npy", x_ND + 1.5 * rng.standard_normal((num_windows, DIM)))


def cases():
    return [_case(name) for name in ("ahc", "spectral")]


def _case(name):
    program = (sys.executable, "-m", "benchmarks.cluster_windows")
    files = ("x.npy", str(NUM_SPEAKERS))
    return Case(
        name=f"{name}, 2,000 windows to {NUM_SPEAKERS}",
        argv=(*program, name, *files),
        rival=(*program, f"sklearn_{name}", *files),
        rival_name="scikit-learn",
    )
