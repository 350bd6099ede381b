"""Agglomerative clustering against a plain priority queue, by hand, and at the edges."""

import heapq
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steps_py.diarization.clustering import ClusterConfig, cluster
from steps_py.errors import BackendError

F = np.float32


class Queue:
    """Average linkage as in the textbook: merge the cheapest pair of living clusters."""

    def __init__(self, members, costs, config, num_points):
        self.members, self.costs, self.threshold = dict(members), dict(costs), F(config.threshold)
        self.alive, self.newest = set(members), max(members)
        self.max_size = math.ceil(F(num_points) * F(config.max_cluster_fraction))
        self.heap = []
        for pair, cost in costs.items():
            self.push(pair, cost)

    def push(self, pair, cost):
        mean = F(cost) / F(len(self.members[pair[0]]) * len(self.members[pair[1]]))
        if mean <= self.threshold:
            heapq.heappush(self.heap, (mean, pair))

    def run(self, min_clusters):
        while len(self.alive) > min_clusters and self.heap:
            _, (i, j) = heapq.heappop(self.heap)
            if {i, j} <= self.alive and len(self.members[i] + self.members[j]) <= self.max_size:
                self.newest += 1
                self.members[self.newest] = self.members[i] + self.members[j]
                self.alive -= {i, j}
                for k in self.alive:
                    cost = self.costs[min(i, k), max(i, k)] + self.costs[min(j, k), max(j, k)]
                    self.costs[k, self.newest] = cost
                    self.push((k, self.newest), cost)
                self.alive.add(self.newest)
        return [self.members[k] for k in sorted(self.alive)]


def oracle(costs, config):
    num_points = len(costs)
    if num_points <= config.first_pass_max_points:
        parts = [range(num_points)]
    else:
        num_parts = math.ceil(num_points / config.first_pass_max_points)
        size = math.ceil(num_points / num_parts)
        parts = [range(i, min(i + size, num_points)) for i in range(0, num_points, size)]
    members, joined = [], {}
    for part in parts:
        queue = Queue(
            {i: [i] for i in part},
            {(i, j): costs[i, j] for i in part for j in part if i < j},
            config,
            num_points,
        )
        found = queue.run((10 if len(parts) > 1 else 1) * config.min_clusters)
        alive, first = sorted(queue.alive), len(members)
        for j, cluster_j in enumerate(found):
            for i in range(first):
                total = sum(float(costs[b, a]) for b in cluster_j for a in members[i])
                joined[i, first + j] = F(total)
            for i in range(j):
                joined[first + i, first + j] = queue.costs[alive[i], alive[j]]
        members += found
    if len(parts) > 1:
        members = Queue(dict(enumerate(members)), joined, config, num_points).run(
            config.min_clusters
        )
    labels = np.zeros(num_points, int)
    for label, points in enumerate(members, 1):
        labels[points] = label
    return labels


@st.composite
def cases(draw):
    """Whole numbers have many ties; others none."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    size = draw(st.integers(1, 25))
    ties = draw(st.booleans())
    costs = rng.integers(-3, 4, (size, size)) if ties else rng.normal(size=(size, size))
    min_clusters = draw(st.integers(1, 4))
    config = ClusterConfig(
        threshold=draw(st.sampled_from([-0.5, 0.0, 0.5, math.inf])),
        min_clusters=min_clusters,
        max_cluster_fraction=draw(st.sampled_from([1.0, max(0.4, 1 / min_clusters)])),
        first_pass_max_points=draw(st.sampled_from([1, 4, 12, 1000])),
    )
    return costs.astype(F), config


@given(cases())
def test_labels_are_those_of_a_priority_queue(case):
    np.testing.assert_array_equal(cluster(*case), oracle(*case))


def test_two_pairs_and_a_loner_by_hand():
    # Merges: {0, 1} and {10, 11} at cost 1; then all pairs cost 10 or more.
    x_N = np.array([0.0, 1.0, 10.0, 11.0, 30.0])
    cost_NN = np.abs(x_N[:, np.newaxis] - x_N)
    assert cluster(cost_NN, ClusterConfig(threshold=5.0)).tolist() == [2, 2, 3, 3, 1]
    assert cluster(cost_NN, ClusterConfig(threshold=9.9)).tolist() == [2, 2, 3, 3, 1]
    assert cluster(cost_NN, ClusterConfig(threshold=10.0)).tolist() == [2, 2, 2, 2, 1]


def test_no_cluster_grows_beyond_its_share():
    # three of six points at most: after three pairs, no merge is left, whatever it costs
    config = ClusterConfig(threshold=math.inf, min_clusters=2, max_cluster_fraction=0.5)
    assert cluster(np.zeros((6, 6)), config).tolist() == [1, 1, 2, 2, 3, 3]


def test_well_separated_speakers_are_found():
    rng = np.random.default_rng(0)
    speaker_N = rng.integers(0, 5, 300)
    x_ND = 10 * rng.normal(size=(5, 8))[speaker_N] + rng.normal(size=(300, 8))
    cost_NN = np.linalg.norm(x_ND[:, np.newaxis] - x_ND, axis=2)
    labels = cluster(cost_NN, ClusterConfig(threshold=math.inf, min_clusters=5))
    assert len(set(zip(labels.tolist(), speaker_N.tolist(), strict=True))) == 5
    in_parts = ClusterConfig(threshold=math.inf, min_clusters=5, first_pass_max_points=70)
    assert len(set(zip(cluster(cost_NN, in_parts).tolist(), speaker_N.tolist(), strict=True))) == 5


def test_nan_means_never():
    cost_NN = np.array([[0, np.nan, 1], [0, 0, 5], [0, 0, 0]])
    assert cluster(cost_NN, ClusterConfig(threshold=2.0)).tolist() == [2, 1, 2]


@pytest.mark.parametrize("size", [0, 1])
def test_there_may_be_nothing_to_merge(size):
    assert cluster(np.zeros((size, size)), ClusterConfig()).tolist() == [1] * size


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: cluster(np.zeros((2, 3)), ClusterConfig()), r"shape \(2, 3\), expected a square"),
        (lambda: ClusterConfig(min_clusters=0), "must be >= 1, got 0"),
        (lambda: ClusterConfig(min_clusters=2, max_cluster_fraction=0.4), "cannot hold them all"),
    ],
)
def test_invalid_configs_are_refused(call, message):
    with pytest.raises(BackendError, match=message):
        call()
