"""The work of gmm-gselect and fgmm-global-acc-stats in plain numpy, frame by frame.

The other side of benchmarks/gmm.py without Kaldi: one matrix-vector product for each frame, and
one outer product for each frame and Gaussian.

Shape suffixes (scope: this module):
    D = dimension   G = Gaussians   K = selected Gaussians
"""

import sys

import numpy as np

from steps_py.formats.holders import FLOAT_MATRIX
from steps_py.formats.posteriors import SELECTION, Selection
from steps_py.formats.tables import RandomReader, SequentialReader, TableWriter, read_object
from steps_py.gmm.diag_gmm import DIAG_GMM
from steps_py.gmm.full_gmm import FULL_GMM

NUM_SELECTED = 20


def select():
    """Write the best Gaussians of each frame."""
    gmm = read_object("diag.gmm", DIAG_GMM)
    with (
        SequentialReader("ark:feats.ark", FLOAT_MATRIX) as reader,
        TableWriter("ark:by_frame.ark", SELECTION) as writer,
    ):
        for utt, x_TD in reader:
            best = []
            for x_D in x_TD:
                loglikes_G = gmm.gconsts_G + gmm.means_invvars_GD @ x_D
                loglikes_G -= 0.5 * (gmm.inv_vars_GD @ (x_D * x_D))
                best.append(np.argsort(-loglikes_G)[:NUM_SELECTED].tolist())
            writer.write(utt, Selection.of(best))


def accumulate():
    """Sum posteriors, first and second moments of the selected Gaussians."""
    gmm = read_object("full.gmm", FULL_GMM)
    inv_covars_GDD = gmm.inv_covars_GDD()
    occupancy_G = np.zeros(gmm.num_gauss)
    means_GD, squares_GDD = np.zeros((gmm.num_gauss, gmm.dim)), np.zeros(inv_covars_GDD.shape)
    with (
        SequentialReader("ark:feats.ark", FLOAT_MATRIX) as reader,
        RandomReader("ark:gselect.ark", SELECTION) as selections,
    ):
        for utt, x_TD in reader:
            for x_D, index_K in zip(x_TD, selections[utt].lists(), strict=True):
                energy_K = np.einsum("d,kde,e->k", x_D, inv_covars_GDD[index_K], x_D)
                loglikes_K = gmm.gconsts_G[index_K] + gmm.means_invcovars_GD[index_K] @ x_D
                loglikes_K -= 0.5 * energy_K
                posterior_K = np.exp(loglikes_K - loglikes_K.max())
                posterior_K /= posterior_K.sum()
                occupancy_G[index_K] += posterior_K
                means_GD[index_K] += np.outer(posterior_K, x_D)
                square_DD = np.outer(x_D, x_D)
                for g, posterior in zip(index_K, posterior_K, strict=True):
                    squares_GDD[g] += posterior * square_DD


if __name__ == "__main__":
    {"select": select, "accumulate": accumulate}[sys.argv[1]]()
