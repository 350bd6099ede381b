"""A mixture of Gaussians with full covariances (src/gmm/full-gmm.cc).

The likelihood is computed from the Cholesky factor of each inverse covariance: with P = L L' and
y = L' mean, (x - mean)' P (x - mean) = |L' x - y|^2.

Shape suffixes (scope: this module):
    T = frames   G = Gaussians   D = dimension   E = D + 1, features with a one behind them
    P = elements of a packed symmetric matrix
"""

import functools

import numpy as np

from steps_py.errors import KaldiError
from steps_py.formats.objects import ObjectHolder
from steps_py.formats.posteriors import Selection
from steps_py.formats.triangles import packed, packed_size, unpacked
from steps_py.gmm.blocks import row_blocks
from steps_py.gmm.diag_gmm import LOG_2PI, DiagGmm, checked_gconsts
from steps_py.gmm.grouping import by_gaussian

_BEGIN = ("<FullGMM>", "<FullGMMBegin>")
_END = ("</FullGMM>", "<FullGMMEnd>")


class FullGmm:
    """Weights, inverse covariances times means, and packed inverse covariances; all float32.

    A packed matrix holds the lower triangle row by row.

    >>> gmm = FullGmm.of_moments([1.0], [[1.0, 2.0]], [[[2.0, 1.0], [1.0, 2.0]]])
    >>> gmm.inv_covars_GP.round(3)
    array([[ 0.667, -0.333,  0.667]], dtype=float32)
    >>> gmm.means_GD().round(3).tolist()
    [[1.0, 2.0]]
    """

    what = "a full-covariance GMM"

    def __init__(self, weights_G, means_invcovars_GD, inv_covars_GP):
        self.weights_G = np.asarray(weights_G, np.float32)
        self.means_invcovars_GD = np.asarray(means_invcovars_GD, np.float32)
        self.inv_covars_GP = np.asarray(inv_covars_GP, np.float32)
        if (self.weights_G < 0).any():
            raise KaldiError(f"{self.what} with a negative weight. Train the model again.")

    @classmethod
    def of_moments(cls, weights_G, means_GD, covars_GDD):
        """The mixture with these means and covariances."""
        inv_covars_GDD = np.linalg.inv(np.asarray(covars_GDD, np.float64))
        means_GD = np.asarray(means_GD, np.float64)
        means_invcovars_GD = np.einsum("gde,ge->gd", inv_covars_GDD, means_GD)
        return cls(weights_G, means_invcovars_GD, packed(inv_covars_GDD))

    @classmethod
    def of_diag(cls, gmm: DiagGmm):
        """The same mixture as a diagonal one."""
        inv_covars_GP = np.zeros((gmm.num_gauss, packed_size(gmm.dim)), np.float32)
        diagonal_D = np.cumsum(np.arange(1, gmm.dim + 1)) - 1
        inv_covars_GP[:, diagonal_D] = gmm.inv_vars_GD
        return cls(gmm.weights_G, gmm.means_invvars_GD, inv_covars_GP)

    def to_diag(self) -> DiagGmm:
        """The diagonal mixture with the same means and variances."""
        covars_GDD = self.covars_GDD()
        means_GD = np.einsum("gde,ge->gd", covars_GDD, self.means_invcovars_GD)
        variances_GD = np.diagonal(covars_GDD, axis1=1, axis2=2)
        return DiagGmm.of_moments(self.weights_G, means_GD, variances_GD)

    @property
    def num_gauss(self) -> int:
        return len(self.weights_G)

    @property
    def dim(self) -> int:
        return self.means_invcovars_GD.shape[1]

    def inv_covars_GDD(self) -> np.ndarray:
        """Inverse covariances, float64."""
        return unpacked(self.inv_covars_GP.astype(np.float64))

    def covars_GDD(self) -> np.ndarray:
        """Covariances, float64."""
        covars_GDD = self.inv_covars_GDD()
        for rows in row_blocks(self.num_gauss, 16 * self.dim**2):
            covars_GDD[rows] = np.linalg.inv(covars_GDD[rows])
        return covars_GDD

    def means_GD(self) -> np.ndarray:
        """Means, float64."""
        means_GD = np.empty(self.means_invcovars_GD.shape)
        for rows in row_blocks(self.num_gauss, 16 * self.dim**2):
            means_GD[rows] = np.linalg.solve(
                unpacked(self.inv_covars_GP[rows].astype(np.float64)),
                self.means_invcovars_GD[rows, :, np.newaxis].astype(np.float64),
            )[..., 0]
        return means_GD

    @functools.cached_property
    def _factored(self):
        """(factors_GED, peaks_G, gconsts_G): L above -y', log-likelihoods at the mean and at 0."""
        num_gauss, dim = self.means_invcovars_GD.shape
        factors_GED = np.empty((num_gauss, dim + 1, dim), np.float32)
        peaks_G, gconsts_G = np.empty(num_gauss), np.empty(num_gauss)
        with np.errstate(divide="ignore"):
            log_weights_G = np.log(self.weights_G.astype(np.float64))
        for rows in row_blocks(num_gauss, 24 * dim**2):
            inv_covars_BDD = unpacked(self.inv_covars_GP[rows].astype(np.float64))
            try:
                lower_BDD = np.linalg.cholesky(inv_covars_BDD)
            except np.linalg.LinAlgError:
                raise KaldiError(
                    f"{self.what}: a covariance of Gaussians {rows.start} to {rows.stop - 1} is"
                    " not positive definite. Train the model again, with a higher"
                    " --variance-floor."
                ) from None
            means_B = self.means_invcovars_GD[rows, :, np.newaxis].astype(np.float64)
            y_BD = np.linalg.solve(lower_BDD, means_B)[..., 0]
            factors_GED[rows, :dim], factors_GED[rows, dim] = lower_BDD, -y_BD
            log_det_B = np.log(np.diagonal(lower_BDD, axis1=1, axis2=2)).sum(axis=1)
            peaks_G[rows] = log_weights_G[rows] - 0.5 * dim * LOG_2PI + log_det_B
            gconsts_G[rows] = peaks_G[rows] - 0.5 * (y_BD**2).sum(axis=1)
        return factors_GED, peaks_G.astype(np.float32), checked_gconsts(gconsts_G, self.what)

    @property
    def gconsts_G(self) -> np.ndarray:
        """The log-likelihood of each Gaussian and its weight at zero; -inf if the weight is 0.

        Raises
        ------
        KaldiError
            If it is nan, or a covariance is not positive definite.
        """
        return self._factored[2]

    def log_likelihoods(self, x_TD: np.ndarray) -> np.ndarray:
        """log(weight * density) of each frame and Gaussian: (T, G), float32."""
        factors_GED, peaks_G, _ = self._factored
        x_TE = with_ones(x_TD)
        loglikes_TG = np.empty((len(x_TE), self.num_gauss), np.float32)
        for g in range(self.num_gauss):
            z_TD = x_TE @ factors_GED[g]
            loglikes_TG[:, g] = peaks_G[g] - 0.5 * np.einsum("td,td->t", z_TD, z_TD)
        return loglikes_TG

    def log_likelihoods_of(self, x_TD: np.ndarray, selection: Selection) -> np.ndarray:
        """`log_likelihoods` of the selected Gaussians of each frame: (P,), float32."""
        factors_GED, peaks_G, _ = self._factored
        x_TE = with_ones(x_TD)
        distances = np.empty(len(selection.index_P), np.float32)
        order, frame, groups = by_gaussian(selection, self.num_gauss)
        for g, a, b in groups:
            z_BD = x_TE.take(frame[a:b], axis=0) @ factors_GED[g]
            np.einsum("bd,bd->b", z_BD, z_BD, out=distances[a:b])
        out_P = np.empty_like(distances)
        out_P[order] = distances
        out_P *= -0.5
        out_P += peaks_G[selection.index_P]
        return out_P

    def without(self, removed) -> "FullGmm":
        """The mixture without some Gaussians; the other weights then sum to one."""
        keep = np.delete(np.arange(self.num_gauss), removed)
        weights_G = self.weights_G[keep]
        return FullGmm(
            weights_G / weights_G.sum(), self.means_invcovars_GD[keep], self.inv_covars_GP[keep]
        )

    def split(self, num_gauss: int, perturb_factor: float, generator) -> "FullGmm":
        """Halve the heaviest Gaussian until there are `num_gauss`; the means move apart."""
        weights, means, inv_covars = (
            list(x) for x in (self.weights_G, self.means_invcovars_GD, self.inv_covars_GP)
        )
        while len(weights) < num_gauss:
            best = int(np.argmax(weights))
            weights[best] = weights[best] / 2
            lower_DD = np.linalg.cholesky(unpacked(inv_covars[best].astype(np.float64)))
            step_D = perturb_factor * (lower_DD @ generator.standard_normal(self.dim))
            weights.append(weights[best])
            means.append(means[best] + step_D)
            means[best] = means[best] - step_D
            inv_covars.append(inv_covars[best])
        return FullGmm(weights, means, inv_covars)


def merged(mixtures: list[FullGmm]) -> FullGmm:
    """All Gaussians in one mixture; a mixture's share of weight is its share of Gaussians."""
    dims = sorted({gmm.dim for gmm in mixtures})
    if len(dims) > 1:
        raise KaldiError(f"cannot merge GMMs of dimensions {dims[0]} and {dims[1]}.")
    num_gauss = sum(gmm.num_gauss for gmm in mixtures)
    weights = [gmm.weights_G * (gmm.num_gauss / num_gauss) for gmm in mixtures]
    return FullGmm(
        np.concatenate(weights),
        np.concatenate([gmm.means_invcovars_GD for gmm in mixtures]),
        np.concatenate([gmm.inv_covars_GP for gmm in mixtures]),
    )


def with_ones(x_TD: np.ndarray) -> np.ndarray:
    """Features with a one behind them, float32: (T, D) -> (T, E)."""
    x_TE = np.ones((x_TD.shape[0], x_TD.shape[1] + 1), np.float32)
    x_TE[:, :-1] = x_TD
    return x_TE


def _read(reader):
    reader.expect(*_BEGIN)
    if reader.expect("<WEIGHTS>", "<GCONSTS>") == "<GCONSTS>":
        reader.value("vector")  # computed again
        reader.expect("<WEIGHTS>")
    weights_G = reader.value("vector")
    reader.expect("<MEANS_INVCOVARS>")
    means_GD = reader.value("matrix")
    if not len(weights_G) or len(means_GD) != len(weights_G):
        reader.fail("weights and means of different numbers. The file is damaged.")
    reader.expect("<INV_COVARS>")
    inv_covars_GP = np.empty((len(weights_G), packed_size(means_GD.shape[1])), np.float32)
    for row_P in inv_covars_GP:
        packed_P = reader.value("packed")
        if len(packed_P) != len(row_P):
            reader.fail("an inverse covariance of another dimension. The file is damaged.")
        row_P[:] = packed_P
    reader.expect(*_END)
    gmm = FullGmm(weights_G, means_GD, inv_covars_GP)
    _ = gmm.gconsts_G  # an invalid model fails when it is read
    return gmm


def _write(writer, gmm):
    writer.token("<FullGMM>")
    writer.line_break()
    for token, kind, value in (
        ("<GCONSTS>", "vector", gmm.gconsts_G),
        ("<WEIGHTS>", "vector", gmm.weights_G),
        ("<MEANS_INVCOVARS>", "matrix", gmm.means_invcovars_GD),
    ):
        writer.token(token)
        writer.value(kind, value)
    writer.token("<INV_COVARS>")
    for row_P in gmm.inv_covars_GP:
        writer.value("packed", row_P)
    writer.token("</FullGMM>")
    writer.line_break()


FULL_GMM = ObjectHolder("a full-covariance GMM", _read, _write)
