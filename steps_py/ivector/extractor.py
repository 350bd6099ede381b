"""The model of an i-vector extractor, and its file.

The mean of Gaussian i for an i-vector x is M_i x, its covariance is Sigma_i. The prior of x is
normal, with the unit matrix as covariance and the mean (offset, 0, 0, ...). Weights are those of
the background model, or the softmax of W x.

Shape suffixes (scope: this package):
    I = Gaussians   D = feature dimension   S = dimension of the i-vector   N = utterances
    P = lower triangle of S x S   Q = lower triangle of D x D
"""

import dataclasses

import numpy as np

from steps_py.errors import KaldiError
from steps_py.formats.basic_types import read_marker
from steps_py.formats.objects import ObjectReader
from steps_py.formats.triangles import pack_into, packed_size, triangle_dim, unpacked
from steps_py.ivector.large_objects import read_stack, write_parts

_FIRST_OFFSET = 100.0  # of the prior; must not be zero


@dataclasses.dataclass
class IvectorExtractor:
    """M (I, D, S), inverse covariances as lower triangles (I, Q), and the offset of the prior.

    `log_weights_IS` is W, (0, 0) if weights do not depend on the i-vector; then `weights_I` are
    the weights of the background model.
    """

    M_IDS: np.ndarray
    inv_covs_IQ: np.ndarray
    offset: float
    weights_I: np.ndarray
    log_weights_IS: np.ndarray

    @property
    def num_gauss(self) -> int:
        return self.M_IDS.shape[0]

    @property
    def feat_dim(self) -> int:
        return self.M_IDS.shape[1]

    @property
    def dim(self) -> int:
        return self.M_IDS.shape[2]

    @property
    def has_own_weights(self) -> bool:
        """Whether weights depend on the i-vector."""
        return len(self.log_weights_IS) > 0

    def inv_cov(self, i: int) -> np.ndarray:
        """(D, D) of Gaussian `i`."""
        return unpacked(self.inv_covs_IQ[i])

    def log_norms(self) -> np.ndarray:
        """The constants of the Gaussians' log densities, without weights (I,)."""
        signs_I, logdets_I = np.linalg.slogdet(unpacked(self.inv_covs_IQ))
        if (signs_I <= 0).any():
            raise KaldiError(f"covariance {int(np.argmin(signs_I))} is not positive definite.")
        return 0.5 * (logdets_I - self.feat_dim * np.log(2 * np.pi))

    def half_precisions(self, i: int) -> np.ndarray:
        """L' M_i (D, S), where L is the Cholesky factor of the inverse covariance."""
        try:
            return np.linalg.cholesky(self.inv_cov(i)).T @ self.M_IDS[i]
        except np.linalg.LinAlgError:
            raise KaldiError(f"covariance {i} is not positive definite.") from None

    def precisions(self) -> np.ndarray:
        """M_i' Sigma_i^-1 M_i of all Gaussians, as lower triangles (I, P)."""
        U_IP = np.empty((self.num_gauss, packed_size(self.dim)))
        for i in range(self.num_gauss):
            half_DS = self.half_precisions(i)
            pack_into(half_DS.T @ half_DS, U_IP[i])
        return U_IP


def new_extractor(
    means_ID, inv_covs_IQ, weights_I, dim: int, use_weights: bool, seed: int = 0
) -> IvectorExtractor:
    """An extractor whose first column of M gives the background model's means.

    The other columns are standard normal numbers that `seed` fixes.
    """
    means_ID = np.asarray(means_ID, np.float64)
    draws = np.random.default_rng(seed)
    M_IDS = draws.standard_normal((*means_ID.shape, dim))
    M_IDS[:, :, 0] = means_ID / _FIRST_OFFSET
    num_gauss = len(means_ID)
    return IvectorExtractor(
        M_IDS=M_IDS,
        inv_covs_IQ=np.asarray(inv_covs_IQ, np.float64),
        offset=_FIRST_OFFSET,
        weights_I=np.zeros(0) if use_weights else np.asarray(weights_I, np.float64),
        log_weights_IS=np.zeros((num_gauss, dim)) if use_weights else np.zeros((0, 0)),
    )


def read_extractor(stream) -> IvectorExtractor:
    """The extractor in an `Input`; TableError if there is none."""
    reader = ObjectReader(stream, read_marker(stream))
    reader.expect("<IvectorExtractor>")
    reader.expect("<w>")
    log_weights_IS = reader.value("dmatrix")
    reader.expect("<w_vec>")
    weights_I = reader.value("dvector")
    reader.expect("<M>")
    M_IDS = read_stack(reader, "dmatrix", reader.value("int"))
    reader.expect("<SigmaInv>")
    inv_covs_IQ = read_stack(reader, "dpacked", len(M_IDS))
    reader.expect("<IvectorOffset>")
    offset = reader.value("double")
    reader.expect("</IvectorExtractor>")
    num_gauss, feat_dim, dim = M_IDS.shape
    if log_weights_IS.size == 0:
        weights_fit = len(weights_I) == num_gauss
    else:
        weights_fit = log_weights_IS.shape == (num_gauss, dim)
    if not weights_fit or triangle_dim(inv_covs_IQ.shape[1]) != feat_dim:
        reader.fail("the sizes of its parts do not fit together. The file is damaged.")
    return IvectorExtractor(M_IDS, inv_covs_IQ, offset, weights_I, log_weights_IS)


def write_extractor(wxfilename: str, extractor: IvectorExtractor, binary: bool = True) -> None:
    """Write an extractor to a file or pipe."""
    with write_parts(wxfilename, binary) as writer:
        writer.token("<IvectorExtractor>")
        writer.token("<w>")
        writer.value("dmatrix", extractor.log_weights_IS)
        writer.token("<w_vec>")
        writer.value("dvector", extractor.weights_I)
        writer.token("<M>")
        writer.value("int", extractor.num_gauss)
        for M_DS in extractor.M_IDS:
            writer.value("dmatrix", M_DS)
        writer.token("<SigmaInv>")
        for inv_cov_Q in extractor.inv_covs_IQ:
            writer.value("dpacked", inv_cov_Q)
        writer.token("<IvectorOffset>")
        writer.value("double", extractor.offset)
        writer.token("</IvectorExtractor>")
