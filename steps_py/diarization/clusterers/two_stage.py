"""Clustering of long recordings in two stages."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from steps_py.diarization.clusterers.ahc import Ahc
from steps_py.diarization.clusterers.base import CLUSTERERS, Clusterer, means_of, unit_rows
from steps_py.diarization.clusterers.nme_sc import NmeSc
from steps_py.diarization.clusterers.spectral import Spectral
from steps_py.diarization.clustering import ClusterConfig, cluster
from steps_py.diarization.pair_costs import ProductCosts
from steps_py.settings.declare import Count, setting

SECOND = {"ahc": Ahc, "nme_sc": NmeSc, "spectral": Spectral}


@CLUSTERERS.register("two_stage")
class TwoStage(Clusterer):
    """Parts of a recording to small clusters, whose means are then clustered: for long recordings.

    Time and memory grow with the number of windows, not with its square.

    Source: Wang, Lu, Han, Wang and Chen, "Highly efficient real-time streaming and fully on-device
    speaker diarization with multi-stage clustering" (2022).

    >>> x_ND = np.tile(np.repeat([[1.0, 0.1], [0.1, 1.0]], 20, axis=0), (3, 1))
    >>> x_ND = x_ND + np.random.default_rng(0).normal(0, 0.05, x_ND.shape)
    >>> config = TwoStage.Config(part_windows=30, clusters_per_part=4, second="ahc")
    >>> label_N = TwoStage(config).labels(x_ND, num_speakers=2)
    >>> bool((label_N[:20] == label_N[40:60]).all() and (label_N[20:40] != label_N[0]).all())
    True
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        part_windows: Count = setting(1000, "windows of a part, which follow each other")
        clusters_per_part: Count = setting(50, "small clusters of a part")
        second: Literal["ahc", "nme_sc", "spectral"] = setting(
            "spectral", "clusters the means of small clusters, with its defaults"
        )
        centre: bool = setting(
            False, "subtract the mean of the recording's x-vectors before cosines"
        )

    def labels(self, x_ND, plda=None, num_speakers=None):
        config = self.config
        unit_ND = unit_rows(x_ND, config.centre)
        second = SECOND[config.second](SECOND[config.second].Config())
        if len(x_ND) <= config.clusters_per_part:
            return second.labels(unit_ND, plda, num_speakers)
        label_N = np.zeros(len(x_ND), np.int64)
        wanted = max(config.clusters_per_part, num_speakers or 1)
        for begin in range(0, len(x_ND), config.part_windows):
            part_ND = unit_ND[begin : begin + config.part_windows]
            stop = ClusterConfig(threshold=np.inf, min_clusters=min(wanted, len(part_ND)))
            small = cluster(ProductCosts(part_ND, part_ND), stop)
            label_N[begin : begin + len(part_ND)] = small + label_N.max()
        mean_SD, row_N = means_of(unit_ND, label_N)
        return second.labels(mean_SD, plda, num_speakers)[row_N]
