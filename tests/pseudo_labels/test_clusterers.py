"""Clusterers, on points whose clusters a reader sees."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steps_py.errors import ConfigError
from steps_py.pseudo_labels.clusterers import CLUSTERERS
from steps_py.pseudo_labels.clusterers.base import unit_length

DEGREES = np.array([0, 5, 90, 95, 100, 180, 270, 275])  # four directions
GROUPS = [[0, 1], [2, 3, 4], [5], [6, 7]]
SECTIONS = [
    {"name": "kmeans", "num_clusters": 4},
    {"name": "agglomerative", "num_clusters": 4},
    {"name": "kmeans_agglomerative", "num_clusters": 4, "num_small_clusters": 6},
]
by_name = pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section["name"])


def at_degrees(degrees_N):
    radians_N = np.radians(degrees_N)
    return np.stack([np.cos(radians_N), np.sin(radians_N)], axis=1)


def groups(label_N):
    """The rows of each cluster, in the order of their first rows."""
    rows = {}
    for row, label in enumerate(label_N.tolist()):
        rows.setdefault(label, []).append(row)
    return list(rows.values())


def test_all_registered_clusterers_are_tested_here():
    assert {section["name"] for section in SECTIONS} == set(CLUSTERERS.names())


@by_name
def test_directions_that_are_close_are_one_cluster(section):
    clusterer = CLUSTERERS.build(section, seed=1)
    assert groups(clusterer.labels(at_degrees(DEGREES))) == GROUPS


@by_name
def test_the_same_seed_gives_the_same_clusters(section):
    x_ND = unit_length(np.random.default_rng(1).normal(size=(60, 5)))
    first, again = (CLUSTERERS.build(section, seed=3).labels(x_ND) for _ in range(2))
    assert first.tolist() == again.tolist()
    assert len(set(first.tolist())) == 4


@by_name
def test_more_clusters_than_utterances_are_refused(section):
    with pytest.raises(ConfigError, match="among 3 utterances. Lower its number of clusters"):
        CLUSTERERS.build(section, seed=1).labels(at_degrees(DEGREES[:3]))


def test_fewer_small_clusters_than_clusters_are_refused():
    section = {"name": "kmeans_agglomerative", "num_clusters": 4, "num_small_clusters": 3}
    with pytest.raises(ConfigError, match="num_small_clusters is 3; it must be from"):
        CLUSTERERS.build(section, seed=1)


@given(st.integers(0, 2**16))
@settings(max_examples=20, deadline=None)
def test_clusters_of_angles_do_not_change_under_a_rotation(seed):
    """The agglomerative one is exact: no seed, no start."""
    random = np.random.default_rng(seed)
    x_ND = unit_length(random.normal(size=(12, 3)))
    rotation_DD, _ = np.linalg.qr(random.normal(size=(3, 3)))
    clusterer = CLUSTERERS.build({"name": "agglomerative", "num_clusters": 3}, seed=1)
    assert groups(clusterer.labels(x_ND)) == groups(clusterer.labels(x_ND @ rotation_DD))
