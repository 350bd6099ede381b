"""python -m benchmarks.cluster_windows NAME x.npy NUMBER: cluster windows to a number of speakers.

NAME is a clusterer of this project's diarization, or sklearn_ahc or sklearn_spectral:
scikit-learn's clustering of the same cosines, in a graph of ten neighbours.
"""

import sys

import numpy as np
from sklearn.cluster import AgglomerativeClustering, SpectralClustering

from steps_py.diarization.clusterers import CLUSTERERS
from steps_py.diarization.clusterers.base import unit_rows


def main(name, path, number):
    x_ND = np.load(path)
    if name == "sklearn_ahc":
        rival = AgglomerativeClustering(int(number), metric="cosine", linkage="average")
        rival.fit(x_ND)
    elif name == "sklearn_spectral":
        rival = SpectralClustering(int(number), affinity="nearest_neighbors", random_state=0)
        rival.fit(unit_rows(x_ND))
    else:
        CLUSTERERS.build({"name": name}).labels(x_ND, num_speakers=int(number))


if __name__ == "__main__":
    main(*sys.argv[1:])
