"""Statistics for the training of an i-vector extractor, and their file.

Suffixes: see extractor.py; E = pairs of a frame and a Gaussian of a batch.
"""

import dataclasses

import numpy as np
from scipy.linalg import blas

from steps_py.errors import KaldiError
from steps_py.formats.basic_types import read_marker
from steps_py.formats.objects import ObjectReader
from steps_py.formats.triangles import flat_index, pack_into, triangle_dim
from steps_py.ivector import own_weights
from steps_py.ivector.distribution import IvectorDistribution
from steps_py.ivector.extractor import IvectorExtractor
from steps_py.ivector.large_objects import read_stack, write_parts
from steps_py.ivector.utterances import UtteranceBatch


@dataclasses.dataclass
class IvectorStats:
    """Sums over utterances; x is the i-vector, gamma_i the sum of posteriors of Gaussian i.

    counts_I       sum of gamma_i
    Y_IDS          sum of (weighted sum of features) E[x]'
    R_IP           sum of gamma_i E[x x']
    linear_IS      statistics of own weights, (0, 0) without: linear term
    quadratic_IP   the same: quadratic term
    scatter_IQ     weighted sum of the features' outer products, (0, 0) if not kept
    sum_S, scatter_P    sums of E[x] and of E[x x']
    objective      the auxiliary function, 0 if it is not computed
    """

    objective: float
    counts_I: np.ndarray
    Y_IDS: np.ndarray
    R_IP: np.ndarray
    quadratic_IP: np.ndarray
    linear_IS: np.ndarray
    scatter_IQ: np.ndarray
    num_ivectors: float
    sum_S: np.ndarray
    scatter_P: np.ndarray

    @classmethod
    def zeros(cls, extractor: IvectorExtractor, has_scatter: bool) -> "IvectorStats":
        num_gauss, feat_dim, dim = extractor.M_IDS.shape
        size, own = dim * (dim + 1) // 2, extractor.has_own_weights
        return cls(
            objective=0.0,
            counts_I=np.zeros(num_gauss),
            Y_IDS=np.zeros(extractor.M_IDS.shape),
            R_IP=np.zeros((num_gauss, size)),
            quadratic_IP=np.zeros((num_gauss, size) if own else (0, 0)),
            linear_IS=np.zeros((num_gauss, dim) if own else (0, 0)),
            scatter_IQ=np.zeros(
                (num_gauss, feat_dim * (feat_dim + 1) // 2) if has_scatter else (0, 0)
            ),
            num_ivectors=0.0,
            sum_S=np.zeros(dim),
            scatter_P=np.zeros(size),
        )

    def arrays(self):
        """Names and arrays."""
        fields = ((field.name, getattr(self, field.name)) for field in dataclasses.fields(self))
        return [(name, value) for name, value in fields if isinstance(value, np.ndarray)]

    def add(self, other: "IvectorStats") -> None:
        """Add other statistics of the same extractor, in place."""
        for (name, mine), (_, theirs) in zip(self.arrays(), other.arrays(), strict=True):
            if mine.shape != theirs.shape:
                raise KaldiError(
                    f"statistics of different extractors: {name} is {mine.shape} in one,"
                    f" {theirs.shape} in another."
                )
        for (_, mine), (_, theirs) in zip(self.arrays(), other.arrays(), strict=True):
            mine += theirs
        self.objective += other.objective
        self.num_ivectors += other.num_ivectors

    def check(self, extractor: IvectorExtractor) -> None:
        """KaldiError if they are not statistics of this extractor."""
        wanted = (extractor.num_gauss, extractor.feat_dim, extractor.dim)
        if self.Y_IDS.shape != wanted or bool(len(self.linear_IS)) != extractor.has_own_weights:
            raise KaldiError(
                f"statistics of {self.Y_IDS.shape} (Gaussians, features, i-vector), an extractor"
                f" of {wanted}; weights of their own: {bool(len(self.linear_IS))} and"
                f" {extractor.has_own_weights}. Are they of another extractor?"
            )


class StatsAccumulator:
    """Accumulates IvectorStats of batches of utterances."""

    def __init__(
        self,
        extractor: IvectorExtractor,
        has_scatter: bool = True,
        has_objective: bool = True,
        num_samples: int = 10,
        seed: int = 0,
    ):
        self.stats = IvectorStats.zeros(extractor, has_scatter)
        self._extractor = extractor
        self._distribution = IvectorDistribution(extractor)
        self._has_objective = has_objective
        self._num_samples = num_samples
        self._draws = np.random.default_rng(seed)
        self._batch = UtteranceBatch(extractor.num_gauss, extractor.feat_dim, extractor.dim)
        self._pending = []

    def add(self, feats_TD, posterior) -> None:
        """Add an utterance: features (T, D) and a Posterior."""
        self._batch.start(None)
        self._batch.add(feats_TD, posterior)
        if len(self.stats.scatter_IQ):
            self._pending.append((feats_TD, posterior))
        if self._batch.is_full:
            self._flush()

    def finish(self) -> IvectorStats:
        """The statistics of all utterances."""
        self._flush()
        if self._has_objective:
            self.stats.objective += self._variance_objective()
        return self.stats

    def _flush(self):
        batch, stats, extractor = self._batch, self.stats, self._extractor
        if not len(batch):
            return
        no_scatter = not len(stats.scatter_IQ)
        terms = self._distribution.terms(batch, energies=self._has_objective and no_scatter)
        linear_NS, data_NP, energy_N = terms
        mean_NS = np.empty_like(linear_NS)
        scatter_NP = data_NP  # replaced utterance by utterance
        for n, gamma_I in enumerate(batch.gamma_NI):
            mean_S, cov_SS, logdet = self._distribution.mean_and_covariance(
                linear_NS[n], data_NP[n], gamma_I
            )
            if self._has_objective:
                stats.objective += self._objective(linear_NS[n], mean_S, cov_SS, logdet, gamma_I)
                if extractor.has_own_weights:
                    stats.objective += self._correction(data_NP[n], mean_S, cov_SS)
            if extractor.has_own_weights:
                self._add_samples(gamma_I, mean_S, cov_SS)
            mean_NS[n] = mean_S
            cov_SS += np.outer(mean_S, mean_S)
            pack_into(cov_SS, scatter_NP[n])
        stats.objective -= 0.5 * float(energy_N.sum())
        self._add_batch(mean_NS, scatter_NP)
        self._add_scatter()
        batch.clear()

    def _add_batch(self, mean_NS, scatter_NP):
        stats, batch = self.stats, self._batch
        stats.counts_I += batch.gamma_NI.sum(axis=0)
        for i in batch.used_gaussians():
            stats.Y_IDS[i] += batch.sums(i).T @ mean_NS
        # R += gamma' scatter, in place: a copy of R would double the memory
        gamma_NI = np.ascontiguousarray(batch.gamma_NI)
        result = blas.dgemm(
            1.0, scatter_NP.T, gamma_NI.T, 1.0, stats.R_IP.T, trans_b=1, overwrite_c=1
        )
        if not np.shares_memory(result, stats.R_IP):
            stats.R_IP = np.ascontiguousarray(result.T)
        stats.num_ivectors += len(mean_NS)
        stats.sum_S += mean_NS.sum(axis=0)
        stats.scatter_P += scatter_NP.sum(axis=0)

    def _add_scatter(self):
        """Add the weighted outer products of the batch's frames, Gaussian by Gaussian."""
        pending, self._pending = self._pending, []
        if not pending:
            return
        feats_TD = np.concatenate([feats for feats, _ in pending]).astype(np.float64)
        starts = np.cumsum([0] + [len(feats) for feats, _ in pending[:-1]])
        frame_E = np.concatenate(
            [start + post.frame_P() for start, (_, post) in zip(starts, pending, strict=True)]
        )
        gauss_E = np.concatenate([posterior.index_P for _, posterior in pending])
        weight_E = np.concatenate([posterior.weight_P for _, posterior in pending])
        order_E = np.argsort(gauss_E, kind="stable")
        bounds = np.searchsorted(gauss_E[order_E], np.arange(self._extractor.num_gauss + 1))
        lower_Q = flat_index(self._extractor.feat_dim)
        for i in np.flatnonzero(np.diff(bounds)):
            mine = order_E[bounds[i] : bounds[i + 1]]
            x_ED = feats_TD[frame_E[mine]]
            outer_DD = (x_ED * weight_E[mine, np.newaxis].astype(np.float64)).T @ x_ED
            self.stats.scatter_IQ[i] += outer_DD.ravel()[lower_Q]

    def _objective(self, linear_S, mean_S, cov_SS, logdet, gamma_I):
        """The auxiliary function of an utterance without the parts that the model fixes.

        Its terms in the features alone are those of `_variance_objective` and of the energy. With
        m the mean, C the covariance, Q the precision: m' a - m' (Q - I) m / 2 - tr(C (Q - I)) / 2
        is simplified by Q m = a + offset and C Q = I.
        """
        extractor = self._extractor
        dim, trace = len(mean_S), float(np.trace(cov_SS))
        offset_S = mean_S.copy()
        offset_S[0] -= extractor.offset
        prior = -0.5 * (float(offset_S @ offset_S) + trace - dim - logdet)
        gained = float(mean_S @ linear_S)
        if extractor.has_own_weights:
            W_IS = extractor.log_weights_IS
            return prior + gained + own_weights.log_weight_gain(W_IS, gamma_I, mean_S, cov_SS)
        solved = gained + mean_S[0] * extractor.offset  # m' Q m
        gained -= 0.5 * (solved - float(mean_S @ mean_S)) + 0.5 * (dim - trace)
        with np.errstate(divide="ignore"):
            log_weights_I = np.log(extractor.weights_I)
        used = gamma_I != 0
        return prior + gained + float(log_weights_I[used] @ gamma_I[used])

    def _correction(self, data_P, mean_S, cov_SS):
        """The quadratic part of the objective where weights are the i-vector's own."""
        data_SS = self._distribution.precision(data_P) - np.eye(len(mean_S))
        return -0.5 * float(mean_S @ data_SS @ mean_S + np.sum(cov_SS * data_SS))

    def _variance_objective(self):
        """The part of the auxiliary function that no i-vector changes."""
        stats, extractor = self.stats, self._extractor
        value = float(extractor.log_norms() @ stats.counts_I)
        if not len(stats.scatter_IQ):
            return value - 0.5 * extractor.feat_dim * float(stats.counts_I.sum())
        twice_Q = np.full(stats.scatter_IQ.shape[1], 2.0)
        diagonal = np.arange(extractor.feat_dim)
        twice_Q[diagonal * (diagonal + 3) // 2] = 1.0
        trace = float(np.einsum("iq,iq,q->", stats.scatter_IQ, extractor.inv_covs_IQ, twice_Q))
        return value - 0.5 * trace

    def _add_samples(self, gamma_I, mean_S, cov_SS):
        x_RS = own_weights.samples(self._draws, mean_S, cov_SS, self._num_samples)
        linear_IS, quadratic_IP = own_weights.sampled_statistics(
            self._extractor.log_weights_IS, gamma_I, x_RS
        )
        self.stats.linear_IS += linear_IS
        self.stats.quadratic_IP += quadratic_IP


def read_stats(stream) -> IvectorStats:
    """The statistics in an `Input`; TableError if there are none."""
    reader = ObjectReader(stream, read_marker(stream))
    reader.expect("<IvectorExtractorStats>")

    def part(token, kind):
        reader.expect(token)
        return reader.value(kind)

    objective = part("<TotAuxf>", "double")
    counts_I = part("<gamma>", "dvector")
    Y_IDS = read_stack(reader, "dmatrix", part("<Y>", "int"))
    R_IP, quadratic_IP = part("<R>", "dmatrix"), part("<Q>", "dmatrix")
    linear_IS = part("<G>", "dmatrix")
    num_scatters = part("<S>", "int")
    scatter_IQ = read_stack(reader, "dpacked", num_scatters) if num_scatters else np.zeros((0, 0))
    num_ivectors = part("<NumIvectors>", "double")
    sum_S, scatter_P = part("<IvectorSum>", "dvector"), part("<IvectorScatter>", "dpacked")
    reader.expect("</IvectorExtractorStats>")
    num_gauss, feat_dim, dim = Y_IDS.shape
    size = len(scatter_P)
    fits = (
        R_IP.shape == (num_gauss, size)
        and len(counts_I) == num_gauss
        and quadratic_IP.shape in ((0, 0), R_IP.shape)
        and linear_IS.shape in ((0, 0), (num_gauss, dim))
        and (not num_scatters or len(scatter_IQ) == num_gauss)
        and (not num_scatters or triangle_dim(scatter_IQ.shape[1]) == feat_dim)
        and triangle_dim(size) == dim == len(sum_S)
    )
    if not fits:
        reader.fail("the sizes of its parts do not fit together. The file is damaged.")
    return IvectorStats(
        objective, counts_I, Y_IDS, R_IP, quadratic_IP, linear_IS, scatter_IQ, num_ivectors,
        sum_S, scatter_P,
    )  # fmt: skip


def write_stats(wxfilename: str, stats: IvectorStats, binary: bool = True) -> None:
    """Write statistics to a file or pipe; R and the quadratic ones in single precision."""
    with write_parts(wxfilename, binary) as writer:

        def part(token, kind, value):
            writer.token(token)
            writer.value(kind, value)

        writer.token("<IvectorExtractorStats>")
        part("<TotAuxf>", "double", stats.objective)
        part("<gamma>", "dvector", stats.counts_I)
        part("<Y>", "int", len(stats.Y_IDS))
        for Y_DS in stats.Y_IDS:
            writer.value("dmatrix", Y_DS)
        part("<R>", "matrix", stats.R_IP)
        part("<Q>", "matrix", stats.quadratic_IP)
        part("<G>", "dmatrix", stats.linear_IS)
        part("<S>", "int", len(stats.scatter_IQ))
        for scatter_Q in stats.scatter_IQ:
            writer.value("dpacked", scatter_Q)
        part("<NumIvectors>", "double", stats.num_ivectors)
        part("<IvectorSum>", "dvector", stats.sum_S)
        part("<IvectorScatter>", "dpacked", stats.scatter_P)
        writer.token("</IvectorExtractorStats>")
