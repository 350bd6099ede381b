"""Agglomerative clustering of all utterances."""

from dataclasses import dataclass

import numpy as np

from steps_py.diarization.clustering import ClusterConfig, cluster
from steps_py.errors import ConfigError
from steps_py.pseudo_labels.clusterers.base import CLUSTERERS, Clusterer, check_num_clusters
from steps_py.settings.declare import Count

MOST_UTTS = 20_000  # the costs of all pairs take 1.6 GB


@CLUSTERERS.register("agglomerative")
class Agglomerative(Clusterer):
    """Agglomerative clustering with average linkage of cosine distances, of all pairs.

    Memory and time grow with the square of the number of utterances: for at most 20,000.  Above,
    use kmeans_agglomerative.  See `steps_py.diarization.clustering`.

    >>> x_ND = np.array([[1.0, 0.0], [0.6, 0.8], [0.8, 0.6], [0.0, -1.0]])
    >>> Agglomerative(Agglomerative.Config(num_clusters=2), seed=1).labels(x_ND)
    array([2, 2, 2, 1])
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        num_clusters: Count

    def labels(self, x_ND: np.ndarray) -> np.ndarray:
        num_utts = len(x_ND)
        check_num_clusters("agglomerative", self.config.num_clusters, num_utts)
        if num_utts > MOST_UTTS:
            raise ConfigError(
                f"pseudo_labels.clusterer: 'agglomerative' compares all pairs, but there are"
                f" {num_utts} utterances, more than {MOST_UTTS}. Use kmeans_agglomerative."
            )
        return merge_to(x_ND, self.config.num_clusters)


def merge_to(x_ND: np.ndarray, num_clusters: int) -> np.ndarray:
    """Merge rows of length 1 to this number of clusters, by their mean cosine distances.

    >>> merge_to(np.array([[1.0, 0.0], [0.0, 1.0], [0.6, 0.8]]), 2)
    array([1, 2, 2])
    """
    cost_NN = 1 - np.asarray(x_ND, np.float32) @ np.asarray(x_ND, np.float32).T
    return cluster(cost_NN, ClusterConfig(threshold=np.inf, min_clusters=num_clusters))
