"""What spectral clusterings share: pruned graphs, their Laplacians, and k-means of eigenvectors.

Shape suffixes (scope: this module):
    N = windows   S = speakers   E = eigenvalues
"""

import numpy as np
import scipy.linalg

from steps_py.errors import ConfigError

MOST_WINDOWS = 10_000  # the affinities of all pairs take 800 MB
NUM_STARTS = 10  # of k-means
SEED = 0


def check_size(name: str, num_windows: int) -> None:
    """Raise ConfigError if the affinities of all pairs would not fit into memory."""
    if num_windows > MOST_WINDOWS:
        raise ConfigError(
            f"diarization: the clusterer '{name}' compares all pairs of windows, but a recording"
            f" has {num_windows}, more than {MOST_WINDOWS}. Use two_stage or ahc."
        )


def strongest(affinity_NN: np.ndarray, num_kept: int, binary: bool) -> np.ndarray:
    """The `num_kept` largest affinities of each row, others 0; made symmetric by the mean.

    With `binary` the kept ones are 1.  Of equal ones, any are kept.

    >>> affinity_NN = np.array([[1.0, 0.8, 0.1], [0.8, 1.0, 0.3], [0.1, 0.3, 1.0]])
    >>> strongest(affinity_NN, 2, binary=False).tolist()
    [[1.0, 0.8, 0.0], [0.8, 1.0, 0.15], [0.0, 0.15, 1.0]]
    """
    num_dropped = len(affinity_NN) - num_kept
    order_NN = np.argsort(affinity_NN, axis=1)
    kept_NN = np.ones_like(affinity_NN) if binary else affinity_NN.copy()
    np.put_along_axis(kept_NN, order_NN[:, :num_dropped], 0, axis=1)
    return 0.5 * (kept_NN + kept_NN.T)


def laplacian(graph_NN: np.ndarray) -> np.ndarray:
    """The unnormalised Laplacian of a graph, without its loops.

    >>> laplacian(np.array([[1.0, 0.5], [0.5, 1.0]])).tolist()
    [[0.5, -0.5], [-0.5, 0.5]]
    """
    graph_NN = graph_NN - np.diag(np.diag(graph_NN))
    return np.diag(np.abs(graph_NN).sum(axis=1)) - graph_NN


def lowest(laplacian_NN: np.ndarray, num: int) -> tuple[np.ndarray, np.ndarray]:
    """The lowest eigenvalues (E), rising, and their vectors (N, E); at most N."""
    last = min(num, len(laplacian_NN)) - 1
    return scipy.linalg.eigh(laplacian_NN, subset_by_index=[0, last])


def largest_gap(value_E: np.ndarray, fewest: int = 1) -> int:
    """The number of eigenvalues before the largest gap, at least `fewest`.

    >>> largest_gap(np.array([0.0, 0.1, 2.0, 2.1]))
    2
    """
    before = int(np.argmax(np.diff(value_E))) + 1 if len(value_E) > 1 else 1
    return max(before, min(fewest, len(value_E)))


def group_rows(vector_NS: np.ndarray) -> np.ndarray:
    """k-means of rows into as many groups as columns; int (N,)."""
    from sklearn.cluster import KMeans  # start-up time

    num_speakers = vector_NS.shape[1]
    if num_speakers == 1:
        return np.zeros(len(vector_NS), np.int64)
    kmeans = KMeans(num_speakers, n_init=NUM_STARTS, random_state=SEED)
    return kmeans.fit_predict(vector_NS)
