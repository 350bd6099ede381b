"""Agglomerative hierarchical clustering."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from steps_py.diarization.clusterers.base import CLUSTERERS, Clusterer, need_plda, unit_rows
from steps_py.diarization.clustering import ClusterConfig, cluster
from steps_py.diarization.energy_pca import energy_projection
from steps_py.diarization.pair_costs import ProductCosts, plda_costs
from steps_py.diarization.two_gaussians import two_gaussian_threshold
from steps_py.settings.declare import Count, Share, setting

MOST_PER_PASS = 7000  # windows; their costs take 200 MB, twice


@CLUSTERERS.register("ahc")
class Ahc(Clusterer):
    """Agglomerative clustering with average linkage, as Kaldi's agglomerative-cluster.

    Above 7,000 windows, consecutive parts are clustered first, as there.  Memory and time do not
    grow faster than the number of windows then.

    See `steps_py.diarization.clustering`.

    >>> x_ND = np.array([[1.0, 0.0], [0.6, 0.8], [0.8, 0.6], [0.0, -1.0]])
    >>> Ahc(Ahc.Config(threshold=0.5)).labels(x_ND)
    array([2, 2, 2, 1])
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        scores: Literal["cosine", "plda"] = setting(
            "cosine", "similarity of windows: of x-vectors, or the log-likelihood ratio of PLDA"
        )
        threshold: float | None = setting(
            0.4,
            "clusters with a lower mean similarity are not merged; null: where two Gaussians that"
            " are fitted to the similarities of a recording cross",
        )
        bias: float = setting(0.0, "is added to the threshold that is fitted")
        centre: bool = setting(
            False, "subtract the mean of the recording's x-vectors before cosines"
        )
        target_energy: Share = setting(
            0.1, "PLDA on as many principal components of a recording as have this share of energy"
        )
        max_windows_per_pass: Count = setting(
            MOST_PER_PASS, "above, consecutive parts are clustered first"
        )

    def labels(self, x_ND, plda=None, num_speakers=None):
        config = self.config
        if len(x_ND) < 2:
            return np.ones(len(x_ND), np.int64)
        costs = self._costs(x_ND, plda)
        if num_speakers is not None:
            stop = ClusterConfig(
                threshold=np.inf,
                min_clusters=num_speakers,
                first_pass_max_points=config.max_windows_per_pass,
            )
        else:
            threshold = config.threshold
            if threshold is None:
                threshold = two_gaussian_threshold(-costs.sample()) + config.bias
            stop = ClusterConfig(
                threshold=-threshold, first_pass_max_points=config.max_windows_per_pass
            )
        return cluster(costs, stop)

    def _costs(self, x_ND, plda):
        if self.config.scores == "cosine":
            unit_ND = unit_rows(x_ND, self.config.centre)
            return ProductCosts(unit_ND, unit_ND)
        projection_KD = energy_projection(x_ND, self.config.target_energy)
        model = need_plda("ahc", plda).projected(projection_KD)
        return plda_costs(model, model.transform(x_ND @ projection_KD.T))
