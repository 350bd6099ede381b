"""Agglomerative hierarchical clustering with average linkage, for diarisation.

The two clusters with the lowest mean cost between their points are merged repeatedly, until no
pair has a cost up to the threshold or the minimum number of clusters is reached. Of pairs with
equal costs, the one with the older cluster is merged first.

Shape suffixes (scope: this module):
    N = points   K = slots for clusters; a merged cluster keeps the slot of the older one

Parity: Kaldi ``src/ivector/agglomerative-clustering.cc``, also in its float32 arithmetic, because
the last bit decides between equal costs.
"""

from dataclasses import dataclass

import numpy as np

from steps_py.diarization.pair_costs import MatrixCosts, ProductCosts
from steps_py.errors import BackendError

_INFINITY = np.float32(np.inf)


@dataclass(frozen=True, kw_only=True)
class ClusterConfig:
    """Stopping criteria, and limits of merging."""

    threshold: float = 0.0
    """Merge only up to this cost; infinity to continue to `min_clusters`."""
    min_clusters: int = 1
    """Stop at this number of clusters."""
    max_cluster_fraction: float = 1.0
    """No cluster gets more than this proportion of the points (rounded up)."""
    first_pass_max_points: int = 32767
    """Above this number, points are first clustered in parts, which saves memory and time."""

    def __post_init__(self):
        if self.min_clusters < 1 or self.first_pass_max_points < 1:
            raise BackendError(
                "clustering: min_clusters and first_pass_max_points must be >= 1, got"
                f" {self.min_clusters} and {self.first_pass_max_points}"
            )
        if not 1 / self.min_clusters <= self.max_cluster_fraction:
            raise BackendError(
                f"clustering: {self.min_clusters} clusters of at most"
                f" {self.max_cluster_fraction:g} of the points cannot hold them all"
            )


def cluster(cost_NN: np.ndarray, config):
    """Cluster points by a matrix of costs between them.

    Parameters
    ----------
    cost_NN : float array of shape (N, N), or ProductCosts
        ``cost_NN[i, j]`` for i < j is the cost of joining i and j; nan means never.
        (With more points than `first_pass_max_points` the other triangle is read too.)
    config : ClusterConfig

    Returns
    -------
    label_N : int array of shape (N,)
        Clusters 1, 2, ... in the order in which they took their final form.

    Examples
    --------
    >>> x_N = np.array([0.0, 1.0, 10.0, 11.0, 30.0])
    >>> cost_NN = np.abs(x_N[:, np.newaxis] - x_N)
    >>> cluster(cost_NN, ClusterConfig(threshold=5.0))
    array([2, 2, 3, 3, 1])
    >>> cluster(cost_NN, ClusterConfig(threshold=np.inf, min_clusters=2))
    array([2, 2, 2, 2, 1])
    """
    costs = cost_NN if isinstance(cost_NN, ProductCosts) else _matrix(cost_NN)
    num_points = len(costs)
    if num_points > config.first_pass_max_points:
        state = _first_pass(costs, config)
    else:
        every = [[n] for n in range(num_points)]
        state = _Clusters(_upper(costs.block(slice(None))), every, config, num_points)
    state.merge(config.min_clusters)
    label_N = np.zeros(num_points, np.int64)
    for label, members in enumerate(state.members(), 1):
        label_N[members] = label
    return label_N


def _matrix(cost_NN):
    cost_NN = np.asarray(cost_NN, np.float32)
    if cost_NN.shape != (len(cost_NN),) * 2:
        raise BackendError(f"clustering: the costs have shape {cost_NN.shape}, expected a square")
    return MatrixCosts(cost_NN)


def _upper(cost_KK):
    """The symmetric matrix with the upper triangle of `cost_KK`."""
    upper = np.triu(cost_KK, 1)
    return upper + upper.T


def _first_pass(costs, config):
    """Cluster consecutive parts of the points, each to ten times `min_clusters`."""
    num_points = len(costs)
    num_parts = -(-num_points // config.first_pass_max_points)
    part_size = -(-num_points // num_parts)
    parts = []
    for first in range(0, num_points, part_size):
        points = range(first, min(first + part_size, num_points))
        part = _Clusters(
            _upper(costs.block(slice(first, points.stop))),
            [[n] for n in points],
            config,
            num_points,
        )
        part.merge(10 * config.min_clusters)
        parts.append(part)
    return _joined(costs, parts, config)


def _joined(costs, parts, config):
    """The clusters of all parts as one state; summed costs within parts are reused."""
    members = [cluster for part in parts for cluster in part.members()]
    order_N = np.concatenate(members)
    starts_K = np.cumsum([0, *(len(m) for m in members[:-1])])
    sums_KK = np.zeros((len(members), len(members)), np.float32)
    k = 0
    for part in parts:
        first, own = k, part.sums()
        for row in own:
            earlier = costs.summed(members[k])[order_N]
            sums_KK[k, :first] = np.add.reduceat(earlier, starts_K)[:first]
            sums_KK[k, first : first + len(own)] = row
            k += 1
    return _Clusters(_upper(sums_KK.T), members, config, len(costs))


class _Clusters:
    """Clusters, their summed costs, and for each the best younger cluster to merge with.

    ``_mean_KK[r, c]`` is the cost of a merge if c is younger than r and the merge is
    allowed, else infinity; so the best of row r needs a new search only after its
    partner has been merged.
    """

    def __init__(self, sums_KK, members, config, num_points):
        size = len(members)
        self._sums_KK = sums_KK
        self._members = list(members)
        self._threshold = np.float32(config.threshold)
        self._max_size = int(
            np.ceil(np.float32(num_points) * np.float32(config.max_cluster_fraction))
        )
        self._size_K = np.array([len(m) for m in members], np.int64)
        self._age_K = np.arange(size)  # higher is younger
        self._next_age = size
        self._alive_K = np.ones(size, bool)
        self._mean_KK = np.full((size, size), _INFINITY)
        for r in range(size):
            self._mean_KK[r, r + 1 :] = self._allowed(sums_KK[r], r)[r + 1 :]
        self._best_K = np.full(size, _INFINITY)
        self._partner_K = np.zeros(size, np.int64)
        self._search(np.arange(size))

    def members(self):
        """Lists of points, oldest cluster first."""
        slots = np.flatnonzero(self._alive_K)
        return [self._members[k] for k in slots[np.argsort(self._age_K[slots])]]

    def sums(self):
        """Summed costs between the clusters of `members`."""
        slots = np.flatnonzero(self._alive_K)
        slots = slots[np.argsort(self._age_K[slots])]
        return self._sums_KK[np.ix_(slots, slots)]

    def merge(self, min_clusters):
        """Merge the cheapest pair while there is one and more than `min_clusters` are left."""
        for left in range(int(self._alive_K.sum()), min_clusters, -1):
            lowest = self._best_K.min(initial=_INFINITY)
            if lowest == _INFINITY:
                break
            tied = np.flatnonzero(self._best_K == lowest)
            elder = tied[np.argmin(self._age_K[tied])]
            self._merge_pair(elder, self._partner_K[elder])
            if 2 * (left - 1) < len(self._alive_K):
                self._compact()

    def _merge_pair(self, elder, younger):
        self._members[elder] = self._members[elder] + self._members[younger]
        self._members[younger] = None
        self._size_K[elder] += self._size_K[younger]
        self._age_K[elder], self._next_age = self._next_age, self._next_age + 1
        self._alive_K[younger] = False
        new_K = self._sums_KK[elder] + self._sums_KK[younger]
        self._sums_KK[elder] = self._sums_KK[:, elder] = new_K

        self._mean_KK[[elder, younger]] = _INFINITY
        self._mean_KK[:, younger] = _INFINITY
        self._best_K[[elder, younger]] = _INFINITY
        cost_K = self._allowed(new_K, elder)
        self._mean_KK[:, elder] = cost_K
        widowed = (self._partner_K == elder) | (self._partner_K == younger)
        self._search(np.flatnonzero(widowed & np.isfinite(self._best_K)))
        better = cost_K < self._best_K
        self._best_K[better] = cost_K[better]
        self._partner_K[better] = elder

    def _allowed(self, sums_K, slot):
        """Mean costs of merging the cluster in `slot` with each other; infinity if not allowed."""
        size_K = self._size_K
        mean_K = sums_K / (size_K[slot] * size_K).astype(np.float32)
        allowed_K = self._alive_K & (size_K[slot] + size_K <= self._max_size)
        allowed_K &= mean_K <= self._threshold  # false for nan
        allowed_K[slot] = False
        return np.where(allowed_K, mean_K, _INFINITY)

    def _search(self, slots):
        """Find the best partner of the clusters in `slots`; of equal ones the oldest."""
        if len(slots) == 0 or len(self._age_K) == 0:
            return
        mean = self._mean_KK[slots]
        best = mean.min(axis=1)
        age = np.where(mean == best[:, np.newaxis], self._age_K, self._next_age)
        self._best_K[slots] = best
        self._partner_K[slots] = age.argmin(axis=1)

    def _compact(self):
        """Remove the slots of merged clusters."""
        keep = np.flatnonzero(self._alive_K)
        place = np.zeros(len(self._alive_K), np.int64)
        place[keep] = np.arange(len(keep))
        self._sums_KK = self._sums_KK[np.ix_(keep, keep)]
        self._mean_KK = self._mean_KK[np.ix_(keep, keep)]
        self._members = [self._members[k] for k in keep]
        self._partner_K = place[self._partner_K[keep]]
        for name in ("_size_K", "_age_K", "_alive_K", "_best_K"):
            setattr(self, name, getattr(self, name)[keep])
