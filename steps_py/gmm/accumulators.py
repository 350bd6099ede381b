"""Statistics of features for the estimation of a mixture (src/gmm/mle-{diag,full}-gmm.cc).

Sums are in double precision; products of a block of frames are in single precision.

Shape suffixes (scope: this module):
    T = frames   G = Gaussians   D = dimension   P = pairs of a frame and a Gaussian
    E = D + 1   Q = elements of a packed symmetric matrix
"""

import numpy as np

from steps_py.errors import KaldiError
from steps_py.formats.objects import ObjectHolder
from steps_py.formats.triangles import packed, packed_size, unpacked
from steps_py.gmm.diag_gmm import with_squares
from steps_py.gmm.full_gmm import with_ones
from steps_py.gmm.grouping import by_gaussian
from steps_py.gmm.update_flags import UpdateFlags, with_needed


class Accumulator:
    """Sums over frames: posteriors, posteriors times x, and times x squared.

    occupancy_G     sum of posteriors
    means_GD        sum of posterior * x; (0, 0) without the flag MEANS
    variances       sum of posterior * x^2 (G, D), or x x' (G, D, D) of full covariances;
                    None without the flag VARIANCES

    The class is one of `DiagAccumulator` and `FullAccumulator`.

    >>> from steps_py.formats.posteriors import Posterior
    >>> stats = DiagAccumulator(num_gauss=2, dim=1, flags=UpdateFlags(7))
    >>> stats.add(np.array([[3.0], [5.0]], np.float32), Posterior.of([[(0, 1)], [(0, 1)]]))
    >>> stats.occupancy_G.tolist(), stats.means_GD.tolist(), stats.variances.tolist()
    ([2.0, 0.0], [[8.0], [0.0]], [[34.0], [0.0]])
    """

    def __init__(self, num_gauss: int, dim: int, flags: UpdateFlags):
        self.flags = with_needed(flags)
        self.dim = dim
        self.occupancy_G = np.zeros(num_gauss)
        has_means = self.flags & UpdateFlags.MEANS
        self.means_GD = np.zeros((num_gauss, dim) if has_means else (0, 0))
        has_variances = self.flags & UpdateFlags.VARIANCES
        self.variances = self._zero_variances() if has_variances else None

    @property
    def num_gauss(self) -> int:
        return len(self.occupancy_G)

    def _zero_variances(self):
        raise NotImplementedError

    def add(self, x_TD: np.ndarray, posterior) -> None:
        """Add frames (T, D) with a Posterior of the Gaussians of each.

        Raises
        ------
        KaldiError
            If dimensions differ or an index is not one of a Gaussian.
        """
        raise NotImplementedError

    def add_dense(self, x_TD: np.ndarray, posterior_TG: np.ndarray) -> None:
        """Add frames (T, D) with the posteriors of all Gaussians (T, G)."""
        raise NotImplementedError

    def add_stats(self, other: "Accumulator", name: str) -> None:
        """Add the sums of another accumulator; KaldiError if it is of another model.

        `name` is the file of `other`, for messages.
        """
        mine = (self.num_gauss, self.dim, self.flags)
        if mine != (other.num_gauss, other.dim, other.flags):
            raise KaldiError(
                f"{name}: statistics of {other.num_gauss} Gaussians, dimension {other.dim} and"
                f" flags {other.flags.value}; those before have {mine[0]}, {mine[1]} and"
                f" {mine[2].value}. Sum statistics of one model only."
            )
        self.occupancy_G += other.occupancy_G
        self.means_GD += other.means_GD
        if self.variances is not None:
            self.variances += other.variances

    def _check(self, x_TD):
        if x_TD.shape[1] != self.dim:
            raise KaldiError(
                f"features of dimension {x_TD.shape[1]} for a model of dimension {self.dim}."
                " Was the model trained on other features?"
            )


class DiagAccumulator(Accumulator):
    """The sums of a mixture with diagonal covariances."""

    def _zero_variances(self):
        return np.zeros((self.num_gauss, self.dim))

    def add(self, x_TD, posterior):
        self._check(x_TD)
        order, frame, groups = by_gaussian(posterior, self.num_gauss)
        self.occupancy_G += _occupancies(posterior, self.num_gauss)
        if not self.flags & UpdateFlags.MEANS:
            return
        weight_P, x_T2D = posterior.weight_P[order], with_squares(x_TD)
        for g, a, b in groups:
            sums_2D = weight_P[a:b] @ x_T2D.take(frame[a:b], axis=0)
            self.means_GD[g] += sums_2D[: self.dim]
            if self.variances is not None:
                self.variances[g] += sums_2D[self.dim :]

    def add_dense(self, x_TD, posterior_TG):
        self._check(x_TD)
        self.occupancy_G += posterior_TG.sum(axis=0, dtype=np.float64)
        if not self.flags & UpdateFlags.MEANS:
            return
        sums_G2D = posterior_TG.T @ with_squares(x_TD)
        self.means_GD += sums_G2D[:, : self.dim]
        if self.variances is not None:
            self.variances += sums_G2D[:, self.dim :]


class FullAccumulator(Accumulator):
    """The sums of a mixture with full covariances."""

    def _zero_variances(self):
        return np.zeros((self.num_gauss, self.dim, self.dim))

    def add(self, x_TD, posterior):
        self._check(x_TD)
        order, frame, groups = by_gaussian(posterior, self.num_gauss)
        self.occupancy_G += _occupancies(posterior, self.num_gauss)
        if not self.flags & UpdateFlags.MEANS:
            return
        weight_P, x_TE = posterior.weight_P[order], with_ones(x_TD)
        for g, a, b in groups:
            x_BE = x_TE.take(frame[a:b], axis=0)
            weighted_BE = x_BE * weight_P[a:b, np.newaxis]
            if self.variances is None:
                self.means_GD[g] += weighted_BE[:, :-1].sum(axis=0)
            else:
                sums_ED = weighted_BE.T @ x_BE[:, :-1]
                self.means_GD[g] += sums_ED[-1]
                self.variances[g] += sums_ED[:-1]

    def add_dense(self, x_TD, posterior_TG):
        self._check(x_TD)
        self.occupancy_G += posterior_TG.sum(axis=0, dtype=np.float64)
        if self.flags & UpdateFlags.MEANS:
            self.means_GD += posterior_TG.T @ x_TD
        if self.variances is not None:
            for g in range(self.num_gauss):
                self.variances[g] += (x_TD * posterior_TG[:, g, np.newaxis]).T @ x_TD


def _occupancies(posterior, num_gauss):
    return np.bincount(posterior.index_P, posterior.weight_P, minlength=num_gauss)


def _read_head(reader, make):
    reader.expect("<GMMACCS>")
    reader.expect("<VECSIZE>")
    dim = reader.value("int")
    reader.expect("<NUMCOMPONENTS>")
    num_gauss = reader.value("int")
    reader.expect("<FLAGS>")
    flags = reader.value("uint16")
    if dim <= 0 or num_gauss <= 0 or not 0 <= flags < 16:
        reader.fail(f"statistics of {num_gauss} Gaussians of {dim}. The file is damaged.")
    return make(num_gauss, dim, UpdateFlags(flags))


def _sized(reader, array, shape):
    if array.shape != shape:
        reader.fail(f"statistics of shape {array.shape} where {shape} belongs. It is damaged.")
    return array


def _read_first_order(reader, stats, token):
    """Read the part that both kinds have; False if `token` begins another one."""
    if token == "<OCCUPANCY>":
        stats.occupancy_G[:] = _sized(reader, reader.value("dvector"), stats.occupancy_G.shape)
    elif token == "<MEANACCS>":
        stats.means_GD[:] = _sized(reader, reader.value("dmatrix"), stats.means_GD.shape)
    else:
        return False
    return True


def _read_diag(reader):
    stats = _read_head(reader, DiagAccumulator)
    while (token := reader.token()) != "</GMMACCS>":
        if _read_first_order(reader, stats, token):
            continue
        if token != "<DIAGVARACCS>":
            reader.fail(f"'{token[:40]}' in statistics of a diagonal GMM.")
        sums = reader.value("dmatrix")
        if stats.variances is not None:
            stats.variances[:] = _sized(reader, sums, stats.variances.shape)
    return stats


def _read_full(reader):
    stats = _read_head(reader, FullAccumulator)
    while (token := reader.token()) != "</GMMACCS>":
        if _read_first_order(reader, stats, token):
            continue
        if token != "<FULLVARACCS>" or stats.variances is None:
            reader.fail(f"'{token[:40]}' in statistics of a full-covariance GMM.")
        packed_GQ = np.empty((stats.num_gauss, packed_size(stats.dim)))
        for row_Q in packed_GQ:
            row_Q[:] = _sized(reader, reader.value("dpacked"), row_Q.shape)
        stats.variances[:] = unpacked(packed_GQ) + _of_means(stats)
    return stats


def _of_means(stats):
    """What the means contribute to the sums of x x'; on file, they are without it."""
    seen_G = stats.occupancy_G != 0
    scaled_GD = np.zeros_like(stats.means_GD)
    np.divide(
        stats.means_GD, stats.occupancy_G[:, np.newaxis], out=scaled_GD, where=seen_G[:, np.newaxis]
    )
    return scaled_GD[:, :, np.newaxis] * stats.means_GD[:, np.newaxis, :]


def _write_head(writer, stats):
    for token, kind, value in (
        ("<VECSIZE>", "int", stats.dim),
        ("<NUMCOMPONENTS>", "int", stats.num_gauss),
        ("<FLAGS>", "uint16", stats.flags.value),
        ("<OCCUPANCY>", "vector", stats.occupancy_G),
        ("<MEANACCS>", "matrix", stats.means_GD),
    ):
        writer.token(token)
        writer.value(kind, value)


def _write_diag(writer, stats):
    writer.token("<GMMACCS>")
    _write_head(writer, stats)
    writer.token("<DIAGVARACCS>")
    writer.value("matrix", np.zeros((0, 0)) if stats.variances is None else stats.variances)
    writer.token("</GMMACCS>")


def _write_full(writer, stats):
    writer.token("<GMMACCS>")
    _write_head(writer, stats)
    if stats.variances is not None:
        writer.token("<FULLVARACCS>")
        for row_Q in packed(stats.variances - _of_means(stats)):
            writer.value("packed", row_Q)
    writer.token("</GMMACCS>")


DIAG_ACCUMULATOR = ObjectHolder("statistics of a diagonal GMM", _read_diag, _write_diag)
FULL_ACCUMULATOR = ObjectHolder("statistics of a full-covariance GMM", _read_full, _write_full)
