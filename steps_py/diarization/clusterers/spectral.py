"""Spectral clustering of the pruned graph of similarities."""

from dataclasses import dataclass

import numpy as np

from steps_py.diarization.clusterers.base import CLUSTERERS, Clusterer, unit_rows
from steps_py.diarization.spectral import (
    check_size,
    group_rows,
    laplacian,
    largest_gap,
    lowest,
    strongest,
)
from steps_py.errors import ConfigError
from steps_py.settings.declare import Count, Share, setting


@CLUSTERERS.register("spectral")
class Spectral(Clusterer):
    """Spectral clustering; the largest gap of the Laplacian's eigenvalues gives the number.

    Each window is joined with its nearest ones by cosine; windows that are far from each other
    have no influence.  With the defaults as wespeaker; with ``neighbour_share: 0.02,
    min_neighbours: 6, binary: false, max_speakers: 15`` as 3D-Speaker.

    Source: von Luxburg, "A tutorial on spectral clustering" (2007).

    >>> x_ND = np.repeat(np.eye(2, 32), 20, axis=0)
    >>> x_ND = x_ND + np.random.default_rng(0).normal(0, 0.1, x_ND.shape)
    >>> label_N = Spectral(Spectral.Config()).labels(x_ND)
    >>> bool((label_N[:20] == label_N[0]).all() and (label_N[20:] == 1 - label_N[0]).all())
    True
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        neighbour_share: Share = setting(
            0.01, "of a recording's windows, so many of the nearest are joined with each"
        )
        min_neighbours: Count = setting(10, "at least so many, the window itself included")
        binary: bool = setting(True, "joins have weight 1; false: the cosine")
        min_speakers: Count = setting(1, "when the number is estimated")
        max_speakers: Count = setting(20, "when the number is estimated")
        centre: bool = setting(
            False, "subtract the mean of the recording's x-vectors before cosines"
        )

        def __post_init__(self):
            if self.min_speakers > self.max_speakers:
                raise ConfigError(
                    f"spectral: min_speakers is {self.min_speakers}, more than max_speakers,"
                    f" {self.max_speakers}."
                )

    def labels(self, x_ND, plda=None, num_speakers=None):
        config, num_windows = self.config, len(x_ND)
        check_size("spectral", num_windows)
        if num_windows < 3:
            return np.arange(num_windows) if num_speakers == 2 else np.zeros(num_windows, np.int64)
        num_kept = num_windows - int((1 - config.neighbour_share) * num_windows)
        num_kept = min(max(num_kept, config.min_neighbours), max(num_windows - 2, 1))
        unit_ND = unit_rows(x_ND, config.centre)
        affinity_NN = unit_ND @ unit_ND.T
        graph_NN = strongest(affinity_NN, num_kept, config.binary)
        value_E, vector_NE = lowest(
            laplacian(graph_NN), max(config.max_speakers, num_speakers or 1) + 1
        )
        if num_speakers is None:
            num_speakers = largest_gap(value_E[: config.max_speakers + 1], config.min_speakers)
        return group_rows(vector_NE[:, :num_speakers])
