"""Deep CORAL: distance of the covariances of domains."""

import torch

from steps_py.model.registries import OBJECTIVES
from steps_py.training.objectives.domains import PairConfig, PairObjective


@OBJECTIVES.register("coral")
class Coral(PairObjective):
    r"""Squared distance of the covariances of two domains.

    .. math:: \frac{1}{4 d^2} \| C_S - C_T \|_F^2

    B. Sun and K. Saenko, "Deep CORAL: Correlation alignment for deep domain adaptation", ECCV
    workshops 2016, equation (1).
    """

    Config = PairConfig

    def distance(self, source_BE: torch.Tensor, target_BE: torch.Tensor) -> torch.Tensor:
        return coral_distance(source_BE, target_BE)


def coral_distance(source_BE: torch.Tensor, target_BE: torch.Tensor) -> torch.Tensor:
    """The distance; means do not count.

    >>> x_BE = torch.tensor([[-1.0], [1.0]])    # variance 2; and 8 of twice the values
    >>> float(coral_distance(x_BE, 2 * x_BE + 7))    # (8 - 2)^2 / 4
    9.0
    """
    difference_EE = source_BE.T.cov() - target_BE.T.cov()
    return difference_EE.square().sum() / (4 * source_BE.shape[1] ** 2)
