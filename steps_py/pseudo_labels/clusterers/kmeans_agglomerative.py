"""k-means to many small clusters, whose means are then merged."""

from dataclasses import dataclass

import numpy as np

from steps_py.errors import ConfigError
from steps_py.pseudo_labels.clusterers.agglomerative import MOST_UTTS, merge_to
from steps_py.pseudo_labels.clusterers.base import (
    CLUSTERERS,
    Clusterer,
    centres_of,
    check_num_clusters,
)
from steps_py.pseudo_labels.clusterers.kmeans import KMeans
from steps_py.settings.declare import Count, setting


@CLUSTERERS.register("kmeans_agglomerative")
class KMeansAgglomerative(Clusterer):
    """k-means to many small clusters, then agglomerative clustering of their means.

    Source: Thienpondt, Desplanques and Demuynck, "The IDLAB VoxSRC-20 submission" (2020), with
    50,000 small clusters, merged to 7,500.

    >>> x_ND = np.array([[1.0, 0.0], [0.96, 0.28], [0.0, 1.0], [0.0, -1.0], [-0.28, -0.96]])
    >>> config = KMeansAgglomerative.Config(num_clusters=2, num_small_clusters=4)
    >>> label_N = KMeansAgglomerative(config, seed=1).labels(x_ND)
    >>> bool(label_N[0] == label_N[1] == label_N[2] != label_N[3] == label_N[4])
    True
    """

    @dataclass(frozen=True, kw_only=True)
    class Config(KMeans.Config):
        num_small_clusters: Count = setting(description="clusters of k-means, before merging")

        def __post_init__(self):
            if not self.num_clusters <= self.num_small_clusters <= MOST_UTTS:
                raise ConfigError(
                    "pseudo_labels.clusterer: num_small_clusters is"
                    f" {self.num_small_clusters}; it must be from num_clusters,"
                    f" {self.num_clusters}, to {MOST_UTTS}."
                )

    def labels(self, x_ND: np.ndarray) -> np.ndarray:
        config = self.config
        check_num_clusters("kmeans_agglomerative", config.num_small_clusters, len(x_ND))
        kmeans = KMeans.Config(
            num_clusters=config.num_small_clusters,
            batch_size=config.batch_size,
            max_epochs=config.max_epochs,
            num_starts=config.num_starts,
        )
        centre_KD, row_N = centres_of(x_ND, KMeans(kmeans, self.seed).labels(x_ND))
        return merge_to(centre_KD, min(config.num_clusters, len(centre_KD)))[row_N]
