"""Scores of all pairs of a batch of vectors in the two forms of PLDA, with trained parameters.

Shape suffixes: A batch of all processes, D dimension.

References: as in `steps_py.backend.discriminative_plda`.
"""

from collections.abc import Mapping

import torch
from torch import nn

from steps_py.backend.covariance import diagonalize
from steps_py.backend.discriminative_plda import Quadratic, pair_form, quadratic_of_plda
from steps_py.backend.plda import Plda


class TrialScores(nn.Module):
    """Base of the forms: a subclass defines `start_from` and `form`."""

    def start_from(self, plda: Plda) -> None:
        """Set the parameters to those of a PLDA."""
        raise NotImplementedError

    def form(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """P and Q (D, D), both symmetric, c (D) and k."""
        raise NotImplementedError

    def parameters_of_score(self) -> Quadratic | Plda:
        """The parameters as the back-end scores with them."""
        p_DD, q_DD, c_D, k = (x.detach().cpu().double().numpy() for x in self.form())
        return Quadratic(p_DD, q_DD, c_D, float(k))

    def forward(self, x_AD: torch.Tensor) -> torch.Tensor:
        """``S = X P X^T + q 1^T + 1 q^T + k`` with ``q_a = x_a^T Q x_a + c^T x_a``, (A, A)."""
        p_DD, q_DD, c_D, k = self.form()
        own_A = ((x_AD @ q_DD) * x_AD).sum(dim=1) + x_AD @ c_D
        return x_AD @ p_DD @ x_AD.T + own_A[:, None] + own_A + k

    def _set(self, values: Mapping):
        for name, value in values.items():
            parameter = getattr(self, name)
            parameter.data.copy_(torch.as_tensor(value, dtype=parameter.dtype))


class QuadraticScores(TrialScores):
    """P, Q, c and k themselves are trained."""

    def __init__(self, dim: int):
        super().__init__()
        self.p_DD, self.q_DD = (nn.Parameter(torch.zeros(dim, dim)) for _ in range(2))
        self.c_D, self.k = nn.Parameter(torch.zeros(dim)), nn.Parameter(torch.zeros(()))

    def start_from(self, plda):
        start = quadratic_of_plda(plda)
        self._set({"p_DD": start.p_DD, "q_DD": start.q_DD, "c_D": start.c_D, "k": start.k})

    def form(self):
        p_DD, q_DD = ((x + x.mT) / 2 for x in (self.p_DD, self.q_DD))
        return p_DD, q_DD, self.c_D, self.k


class CovarianceScores(TrialScores):
    """The mean and factors of the covariances are trained, so that the model stays a PLDA."""

    def __init__(self, dim: int):
        super().__init__()
        self.mean_D = nn.Parameter(torch.zeros(dim))
        self.between_DD, self.within_DD = (nn.Parameter(torch.eye(dim)) for _ in range(2))

    def start_from(self, plda):
        within_DD, between_DD = (torch.from_numpy(x) for x in plda.covariances())
        values, vectors_DD = torch.linalg.eigh(between_DD)  # its rank may be lower than D
        between_DD = vectors_DD * values.clamp(min=0).sqrt()
        within_DD = torch.linalg.cholesky(within_DD)
        self._set({"mean_D": plda.mean_D, "between_DD": between_DD, "within_DD": within_DD})

    def covariances(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Between- and within-speaker covariance, (D, D) each."""
        return self.between_DD @ self.between_DD.mT, self.within_DD @ self.within_DD.mT

    def parameters_of_score(self):
        between_DD, within_DD = (x.detach().cpu().double().numpy() for x in self.covariances())
        mean_D = self.mean_D.detach().cpu().double().numpy()
        return Plda(mean_D, *diagonalize(within_DD, between_DD))

    def form(self):
        return pair_form(self.mean_D, *self.covariances(), linalg=torch.linalg)


FORMS = {"quadratic": QuadraticScores, "covariances": CovarianceScores}
