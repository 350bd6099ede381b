"""Spectral clustering whose pruning is chosen by the normalised maximum eigengap."""

from dataclasses import dataclass

import numpy as np
import scipy.linalg

from steps_py.diarization.clusterers.base import CLUSTERERS, Clusterer, unit_rows
from steps_py.diarization.spectral import (
    check_size,
    group_rows,
    laplacian,
    largest_gap,
    lowest,
    strongest,
)
from steps_py.settings.declare import Count, Share, setting

MOST_TRIED_WINDOWS = 600  # of evenly spaced ones; the number of neighbours is scaled
FLOOR = 1e-10


@CLUSTERERS.register("nme_sc")
class NmeSc(Clusterer):
    """Auto-tuning spectral clustering: the number of neighbours needs no development set.

    Of all numbers of neighbours, that one is taken whose share of the windows is smallest beside
    the largest gap of eigenvalues, which is divided by the largest eigenvalue.

    Source: Park, Han, Kumar and Narayanan, "Auto-tuning spectral clustering for speaker
    diarization using normalized maximum eigengap" (2020).

    >>> x_ND = np.repeat(np.eye(2, 32), 20, axis=0)
    >>> x_ND = x_ND + np.random.default_rng(0).normal(0, 0.1, x_ND.shape)
    >>> label_N = NmeSc(NmeSc.Config()).labels(x_ND)
    >>> bool((label_N[:20] == label_N[0]).all() and (label_N[20:] == 1 - label_N[0]).all())
    True
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        max_neighbour_share: Share = setting(
            0.25, "of a recording's windows; the largest number of neighbours that is tried"
        )
        min_neighbours: Count = setting(
            6, "the smallest number that is tried, the window itself included"
        )
        num_tried: Count = setting(20, "numbers of neighbours that are tried, evenly spaced")
        max_speakers: Count = setting(20, "when the number is estimated")
        centre: bool = setting(
            False, "subtract the mean of the recording's x-vectors before cosines"
        )

    def labels(self, x_ND, plda=None, num_speakers=None):
        num_windows = len(x_ND)
        check_size("nme_sc", num_windows)
        if num_windows < 3:
            return np.arange(num_windows) if num_speakers == 2 else np.zeros(num_windows, np.int64)
        unit_ND = unit_rows(x_ND, self.config.centre)
        affinity_NN = unit_ND @ unit_ND.T
        step = -(-num_windows // MOST_TRIED_WINDOWS)
        num_kept, estimate = self._tuned(affinity_NN[::step, ::step])
        num_speakers = num_speakers or estimate
        graph_NN = strongest(affinity_NN, min(num_kept * step, num_windows), binary=True)
        _, vector_NS = lowest(laplacian(graph_NN), num_speakers)
        return group_rows(vector_NS)

    def _tuned(self, affinity_NN):
        """The number of neighbours with the lowest ratio, and its number of speakers."""
        config, num_windows = self.config, len(affinity_NN)
        least = min(config.min_neighbours, num_windows - 1)
        most = max(least, int(config.max_neighbour_share * num_windows))
        best = (np.inf, most, 1)
        for num_kept in np.unique(np.linspace(least, most, config.num_tried).astype(int)).tolist():
            graph_NN = strongest(affinity_NN, num_kept, binary=True)
            value_N = scipy.linalg.eigvalsh(laplacian(graph_NN))
            lowest_E = value_N[: config.max_speakers + 1]
            gap = np.diff(lowest_E).max() / (value_N[-1] + FLOOR)
            ratio = num_kept / num_windows / (gap + FLOOR)
            best = min(best, (ratio, num_kept, largest_gap(lowest_E)))
        return best[1:]
