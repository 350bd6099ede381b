"""AS-norm as wespeaker's bin/score_norm.py has it: sorted cohort scores, and a loop over trials.

Reads and writes the files of benchmarks/score_norm.py in the working directory.
"""

import numpy as np

from benchmarks.score_norm import TOP_N
from steps_py.formats.vector_tables import read_vectors


def main():
    cohort = unit_length(read_vectors("ark:cohort.ark")[1])
    keys, vectors = read_vectors("ark:few.ark")
    scores = unit_length(vectors) @ cohort.T
    highest = -np.sort(-scores, axis=1)[:, :TOP_N]
    mean = dict(zip(keys, highest.mean(axis=1), strict=True))
    std = dict(zip(keys, highest.std(axis=1), strict=True))
    with open("few.scores") as lines, open("normalised", "w") as out:
        for line in lines:
            enroll, test, score = line.split()
            score = float(score)
            z = (score - mean[enroll]) / std[enroll]
            t = (score - mean[test]) / std[test]
            out.write(f"{enroll} {test} {0.5 * (z + t):.5f}\n")


def unit_length(vectors):
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


if __name__ == "__main__":
    main()
