"""Density-based clustering."""

from dataclasses import dataclass

import numpy as np

from steps_py.diarization.clusterers.base import CLUSTERERS, Clusterer, means_of, unit_rows
from steps_py.diarization.clustering import ClusterConfig, cluster
from steps_py.settings.declare import Count, setting


@CLUSTERERS.register("hdbscan")
class Hdbscan(Clusterer):
    """Dense groups of directions; windows between them go to the group with the nearest mean.

    If the number of speakers is known, groups are merged by the cosines of their means until that
    number is reached; if there are fewer groups, all windows are merged so.

    Source: Campello, Moulavi and Sander, "Density-based clustering based on hierarchical density
    estimates" (2013), as implemented in scikit-learn.

    >>> x_ND = np.repeat(np.eye(2, 32), 20, axis=0)
    >>> x_ND = x_ND + np.random.default_rng(0).normal(0, 0.1, x_ND.shape)
    >>> label_N = Hdbscan(Hdbscan.Config()).labels(x_ND)
    >>> bool((label_N[:20] == label_N[0]).all() and (label_N[20:] == 1 - label_N[0]).all())
    True
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        min_windows: Count = setting(6, "windows of the smallest group", minimum=2)
        centre: bool = setting(
            False, "subtract the mean of the recording's x-vectors before cosines"
        )

    def labels(self, x_ND, plda=None, num_speakers=None):
        from sklearn.cluster import HDBSCAN  # start-up time

        config, num_windows = self.config, len(x_ND)
        unit_ND = unit_rows(x_ND, config.centre)
        label_N = np.full(num_windows, -1)
        if num_windows > config.min_windows:
            finder = HDBSCAN(min_cluster_size=config.min_windows, copy=True)
            label_N = finder.fit_predict(unit_ND)
        if (label_N < 0).all():
            label_N = np.zeros(num_windows, np.int64)
        mean_SD, _ = means_of(unit_ND[label_N >= 0], label_N[label_N >= 0])
        mean_SD = unit_rows(mean_SD)
        label_N = np.where(label_N < 0, (unit_ND @ mean_SD.T).argmax(axis=1), label_N)
        if num_speakers is None or num_speakers == len(mean_SD):
            return label_N
        few = ClusterConfig(threshold=np.inf, min_clusters=num_speakers)
        if num_speakers > len(mean_SD):
            return cluster(-unit_ND @ unit_ND.T, few)
        return cluster(-mean_SD @ mean_SD.T, few)[label_N]
