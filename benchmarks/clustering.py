"""Agglomerative clustering of one recording of 2,000 segments to 40 speakers.

Shape suffixes (scope: this module):
    N = segments   D = dimension
"""

import numpy as np

from benchmarks import inputs
from benchmarks.harness import Case
from steps_py.formats.holders import FLOAT_MATRIX
from steps_py.formats.tables import TableWriter

NUM_SEGMENTS, NUM_SPEAKERS, DIM = 2000, 40, 20


def make_inputs(folder, scale=1.0):
    rng = inputs.rng_of("clustering")
    num_segments = max(int(NUM_SEGMENTS * scale), NUM_SPEAKERS)
    means = rng.standard_normal((NUM_SPEAKERS, DIM))
    x_ND = means[rng.integers(0, NUM_SPEAKERS, num_segments)]
    x_ND = x_ND + 0.3 * rng.standard_normal((num_segments, DIM))
    with TableWriter(f"ark:{folder}/scores.ark", FLOAT_MATRIX) as writer:
        writer.write("reco", (x_ND @ x_ND.T).astype(np.float32))
    utts = [f"reco-{number:05d}" for number in range(num_segments)]
    inputs.write_lines(folder / "reco2utt", [f"reco {' '.join(utts)}"])
    inputs.write_lines(folder / "reco2num_spk", [f"reco {NUM_SPEAKERS}"])


def cases():
    return [
        Case(
            name="agglomerative-cluster, 2,000 x 2,000 to 40",
            argv=(
                *("agglomerative-cluster", "--reco2num-spk-rspecifier=ark:reco2num_spk"),
                *("ark:scores.ark", "ark:reco2utt", "ark,t:labels"),
            ),
            at_most_ratio=1 / 3,
        )
    ]
