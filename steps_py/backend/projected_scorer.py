"""A discriminative PLDA with the projection that it was trained behind, in one file.

Shape suffixes (scope: this module):
    N = vectors   E = their dimension   L = dimension after the projection
"""

import dataclasses

import numpy as np

from steps_py.backend.discriminative_plda import Quadratic, QuadraticScorer
from steps_py.backend.pair_scorers import PairScorer, PldaScorer
from steps_py.backend.plda import Plda
from steps_py.errors import BackendError
from steps_py.files import atomic_write


class ProjectedScorer(PairScorer):
    """The scores of another scorer of vectors that are projected and normalised to sqrt(L) first.

    Parameters
    ----------
    affine_LE1 : float array of shape (L, E + 1)
        The projection, and an offset in the last column.
    scorer : PairScorer

    >>> inner = QuadraticScorer(Quadratic(np.eye(1), np.zeros((1, 1)), np.zeros(1), 0.0))
    >>> scorer = ProjectedScorer(np.array([[1.0, 1.0, -5.0]]), inner)
    >>> scorer.all_pairs(scorer.enroll([[1.0, 1.0]]), scorer.test([[5.0, 6.0]]))
    array([[-1.]])
    """

    def __init__(self, affine_LE1: np.ndarray, scorer: PairScorer):
        self._affine_LE1, self._scorer = affine_LE1, scorer
        self.symmetric = scorer.symmetric

    def of_models(self):
        return ProjectedScorer(self._affine_LE1, self._scorer.of_models())

    def enroll(self, x_ND, num_utts_N=None):
        return self._scorer.enroll(self._projected(x_ND), num_utts_N)

    def test(self, x_ND):
        return self._scorer.test(self._projected(x_ND))

    def finish(self, score):
        return self._scorer.finish(score)

    def _projected(self, x_NE):
        x_NE = np.asarray(x_NE, np.float64)
        if x_NE.shape[1] != self._affine_LE1.shape[1] - 1:
            raise BackendError(
                f"dplda_of_model: x-vectors have {x_NE.shape[1]} dimensions, but the loss of the"
                f" network reads {self._affine_LE1.shape[1] - 1}. Set xvectors.layer to outer, or"
                " keep_columns before it."
            )
        x_NL = x_NE @ self._affine_LE1[:, :-1].T + self._affine_LE1[:, -1]
        length_N1 = np.linalg.norm(x_NL, axis=1, keepdims=True)
        return np.sqrt(x_NL.shape[1]) * x_NL / np.where(length_N1 > 0, length_N1, 1)


def write_projected(path, affine_LE1: np.ndarray, parameters: Quadratic | Plda) -> None:
    """Write a projection and what scores behind it; the file appears whole or not at all."""
    if isinstance(parameters, Quadratic):
        arrays = dataclasses.asdict(parameters)
    else:
        arrays = {name: getattr(parameters, name) for name in ("mean_D", "transform_DD", "psi_D")}
    with atomic_write(path, "wb") as file:
        np.savez(file, affine_LE1=affine_LE1, **arrays)


def read_projected(path) -> ProjectedScorer:
    """The scorer in a file of `write_projected`."""
    with np.load(path) as file:
        arrays = dict(file)
    affine_LE1 = arrays.pop("affine_LE1")
    if "psi_D" in arrays:
        return ProjectedScorer(affine_LE1, PldaScorer(Plda(**arrays), normalize_length=False))
    arrays["k"] = float(arrays["k"])
    return ProjectedScorer(affine_LE1, QuadraticScorer(Quadratic(**arrays)))
