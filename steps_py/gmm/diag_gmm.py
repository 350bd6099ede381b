"""A mixture of Gaussians with diagonal covariances (src/gmm/diag-gmm.cc).

Shape suffixes (scope: this module):
    T = frames   G = Gaussians   D = dimension   P = pairs of a frame and a Gaussian
"""

import functools
import math

import numpy as np

from steps_py.errors import KaldiError
from steps_py.formats.objects import ObjectHolder
from steps_py.formats.posteriors import Selection
from steps_py.gmm.grouping import by_gaussian

LOG_2PI = math.log(2 * math.pi)
_BEGIN = ("<DiagGMM>", "<DiagGMMBegin>")
_END = ("</DiagGMM>", "<DiagGMMEnd>")


class DiagGmm:
    """Weights, means times inverse variances, and inverse variances; all float32.

    >>> gmm = DiagGmm.of_moments([0.5, 0.5], [[0.0], [2.0]], [[1.0], [4.0]])
    >>> gmm.means_GD().tolist(), gmm.variances_GD().tolist()
    ([[0.0], [2.0]], [[1.0], [4.0]])
    >>> gmm.log_likelihoods(np.zeros((1, 1), np.float32)).round(3)    # (T, G)
    array([[-1.612, -2.805]], dtype=float32)
    """

    what = "a diagonal GMM"

    def __init__(self, weights_G, means_invvars_GD, inv_vars_GD):
        self.weights_G = np.asarray(weights_G, np.float32)
        self.means_invvars_GD = np.asarray(means_invvars_GD, np.float32)
        self.inv_vars_GD = np.asarray(inv_vars_GD, np.float32)
        if (self.weights_G < 0).any():
            raise KaldiError(f"{self.what} with a negative weight. Train the model again.")

    @classmethod
    def of_moments(cls, weights_G, means_GD, variances_GD):
        """The mixture with these means and variances."""
        inv_vars_GD = 1.0 / np.asarray(variances_GD, np.float64)
        return cls(weights_G, np.asarray(means_GD) * inv_vars_GD, inv_vars_GD)

    @property
    def num_gauss(self) -> int:
        return len(self.weights_G)

    @property
    def dim(self) -> int:
        return self.means_invvars_GD.shape[1]

    def means_GD(self) -> np.ndarray:
        """Means, float64."""
        return self.means_invvars_GD / self.inv_vars_GD.astype(np.float64)

    def variances_GD(self) -> np.ndarray:
        """Variances, float64."""
        return 1.0 / self.inv_vars_GD.astype(np.float64)

    @functools.cached_property
    def gconsts_G(self) -> np.ndarray:
        """The log-likelihood of each Gaussian and its weight at zero; -inf if the weight is 0.

        Raises
        ------
        KaldiError
            If it is nan, as with a variance that is not positive.
        """
        inv_vars_GD = self.inv_vars_GD.astype(np.float64)
        with np.errstate(divide="ignore", invalid="ignore"):
            energy_G = (self.means_invvars_GD.astype(np.float64) ** 2 / inv_vars_GD).sum(axis=1)
            gconsts_G = np.log(self.weights_G.astype(np.float64)) - 0.5 * (
                self.dim * LOG_2PI - np.log(inv_vars_GD).sum(axis=1) + energy_G
            )
        return checked_gconsts(gconsts_G, self.what)

    @functools.cached_property
    def _linear_2DG(self):
        """The coefficients of the features and of their squares."""
        linear_G2D = np.concatenate([self.means_invvars_GD, -0.5 * self.inv_vars_GD], axis=1)
        return np.ascontiguousarray(linear_G2D.T)

    def log_likelihoods(self, x_TD: np.ndarray) -> np.ndarray:
        """log(weight * density) of each frame and Gaussian: (T, G), float32."""
        loglikes_TG = with_squares(x_TD) @ self._linear_2DG
        loglikes_TG += self.gconsts_G
        return loglikes_TG

    def log_likelihoods_of(self, x_TD: np.ndarray, selection: Selection) -> np.ndarray:
        """`log_likelihoods` of the selected Gaussians of each frame: (P,), float32.

        Indices whose first and last are as far apart as their number count as the range from the
        first to the last, in any order: so does Kaldi, whose results these are to be.
        """
        used = Selection(selection.counts_T, _with_ranges(selection))
        order, frame, groups = by_gaussian(used, self.num_gauss)
        x_T2D = with_squares(x_TD)
        linear_G2D = np.ascontiguousarray(self._linear_2DG.T)
        sorted_P = np.empty(len(order), np.float32)
        for g, a, b in groups:
            np.dot(x_T2D.take(frame[a:b], axis=0), linear_G2D[g], out=sorted_P[a:b])
        out_P = np.empty_like(sorted_P)
        out_P[order] = sorted_P
        out_P += self.gconsts_G[used.index_P]
        return out_P

    def without(self, removed) -> "DiagGmm":
        """The mixture without some Gaussians; the other weights then sum to one."""
        keep = np.delete(np.arange(self.num_gauss), removed)
        weights_G = self.weights_G[keep]
        return DiagGmm(
            weights_G / weights_G.sum(), self.means_invvars_GD[keep], self.inv_vars_GD[keep]
        )

    def split(self, num_gauss: int, perturb_factor: float, generator) -> "DiagGmm":
        """Halve the heaviest Gaussian until there are `num_gauss`; the means move apart.

        `generator` is numpy's; KaldiError if there are more than `num_gauss` already.
        """
        if num_gauss < self.num_gauss:
            raise KaldiError(f"cannot split {self.num_gauss} Gaussians into {num_gauss}.")
        weights, means_invvars, inv_vars = (
            list(x) for x in (self.weights_G, self.means_invvars_GD.copy(), self.inv_vars_GD)
        )
        while len(weights) < num_gauss:
            best = int(np.argmax(weights))
            weights[best] = weights[best] / 2
            step_D = perturb_factor * generator.standard_normal(self.dim) * np.sqrt(inv_vars[best])
            weights.append(weights[best])
            means_invvars.append(means_invvars[best] + step_D)
            means_invvars[best] = means_invvars[best] - step_D
            inv_vars.append(inv_vars[best])
        return DiagGmm(weights, means_invvars, inv_vars)


def with_squares(x_TD: np.ndarray) -> np.ndarray:
    """Features and their squares, float32: (T, D) -> (T, 2 * D)."""
    x_TD = np.asarray(x_TD, np.float32)
    return np.concatenate([x_TD, x_TD * x_TD], axis=1)


def _with_ranges(selection):
    """The indices of the Gaussians that Kaldi evaluates for each frame's list: (P,)."""
    counts_T, starts_T = selection.counts_T, selection.starts_T()
    if not len(selection.index_P) or (counts_T == 0).any():
        return selection.index_P
    first_T = selection.index_P[starts_T]
    last_T = selection.index_P[starts_T + counts_T - 1]
    range_T = last_T + 1 - first_T == counts_T
    frame_P = selection.frame_P()
    ordered_P = first_T[frame_P] + np.arange(len(frame_P)) - starts_T[frame_P]
    return np.where(range_T[frame_P], ordered_P, selection.index_P)


def checked_gconsts(gconsts_G, what):
    """As float32, without +inf; KaldiError if one is nan."""
    if np.isnan(gconsts_G).any():
        bad = int(np.flatnonzero(np.isnan(gconsts_G))[0])
        raise KaldiError(
            f"{what}: Gaussian {bad} has a constant that is no number. Its covariance is not"
            " positive: train the model again."
        )
    return np.where(np.isposinf(gconsts_G), -np.inf, gconsts_G).astype(np.float32)


def _read(reader):
    reader.expect(*_BEGIN)
    if reader.expect("<WEIGHTS>", "<GCONSTS>") == "<GCONSTS>":
        reader.value("vector")  # computed again
        reader.expect("<WEIGHTS>")
    weights_G = reader.value("vector")
    reader.expect("<MEANS_INVVARS>")
    means_invvars_GD = reader.value("matrix")
    reader.expect("<INV_VARS>")
    inv_vars_GD = reader.value("matrix")
    reader.expect(*_END)
    shape = (len(weights_G), means_invvars_GD.shape[1])
    if not shape[0] or means_invvars_GD.shape != shape or inv_vars_GD.shape != shape:
        reader.fail("weights, means and variances of different sizes. The file is damaged.")
    gmm = DiagGmm(weights_G, means_invvars_GD, inv_vars_GD)
    _ = gmm.gconsts_G  # an invalid model fails when it is read
    return gmm


def _write(writer, gmm):
    writer.token("<DiagGMM>")
    writer.line_break()
    for token, kind, value in (
        ("<GCONSTS>", "vector", gmm.gconsts_G),
        ("<WEIGHTS>", "vector", gmm.weights_G),
        ("<MEANS_INVVARS>", "matrix", gmm.means_invvars_GD),
        ("<INV_VARS>", "matrix", gmm.inv_vars_GD),
    ):
        writer.token(token)
        writer.value(kind, value)
    writer.token("</DiagGMM>")
    writer.line_break()


DIAG_GMM = ObjectHolder("a diagonal GMM", _read, _write)
