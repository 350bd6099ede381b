"""k-means, on random batches of utterances."""

from dataclasses import dataclass

import numpy as np

from steps_py.pseudo_labels.clusterers.base import CLUSTERERS, Clusterer, check_num_clusters
from steps_py.settings.declare import Count, setting


@CLUSTERERS.register("kmeans")
class KMeans(Clusterer):
    """k-means of directions, on random batches: for any number of utterances.

    For vectors of length 1 the nearest mean in Euclidean distance is near that in angle, so the
    clusters are those of the cosine.

    Source: Sculley, "Web-scale k-means clustering" (2010), as implemented in scikit-learn; for
    speakers Cai et al., "An iterative framework for self-supervised deep speaker representation
    learning" (2021).

    >>> x_ND = np.array([[1.0, 0.0], [0.6, 0.8], [0.8, 0.6], [0.0, -1.0]])
    >>> label_N = KMeans(KMeans.Config(num_clusters=2), seed=1).labels(x_ND)
    >>> bool(label_N[0] == label_N[1] == label_N[2] != label_N[3])
    True
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        num_clusters: Count
        batch_size: Count = setting(10_000, "utterances of a step")
        max_epochs: Count = setting(
            100, "passes over the utterances; fewer if the means do not move any more"
        )
        num_starts: Count = setting(3, "random starts, of which the best is continued")

    def labels(self, x_ND: np.ndarray) -> np.ndarray:
        from sklearn.cluster import MiniBatchKMeans  # start-up time

        config = self.config
        check_num_clusters("kmeans", config.num_clusters, len(x_ND))
        kmeans = MiniBatchKMeans(
            config.num_clusters,
            batch_size=config.batch_size,
            max_iter=config.max_epochs,
            n_init=config.num_starts,
            random_state=self.seed,
        )
        return kmeans.fit_predict(x_ND)
