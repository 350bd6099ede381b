"""Maximum mean discrepancy between domains."""

from dataclasses import dataclass
from typing import Annotated

import torch

from steps_py.model.registries import OBJECTIVES
from steps_py.settings.declare import Keywords, setting
from steps_py.training.objectives.domains import PairConfig, PairObjective

Factor = Annotated[float, Keywords(exclusiveMinimum=0)]


@OBJECTIVES.register("mmd")
class Mmd(PairObjective):
    r"""Squared maximum mean discrepancy with a mean of Gaussian kernels.

    .. math:: \frac{1}{m^2}\sum k(s_i, s_j) + \frac{1}{n^2}\sum k(t_i, t_j)
              - \frac{2}{mn}\sum k(s_i, t_j), \qquad
              k(x, y) = \frac{1}{K}\sum_k e^{-|x - y|^2 / b_k}

    A bandwidth b is a factor of the mean squared distance of different chunks of the batch, which
    counts as a constant in the gradient.

    A. Gretton et al., "A kernel two-sample test", JMLR 2012, equation (5); several bandwidths as
    in M. Long et al., "Learning transferable features with deep adaptation networks", ICML 2015.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config(PairConfig):
        bandwidths: Annotated[list[Factor], Keywords(minItems=1)] = setting(
            [0.25, 0.5, 1.0, 2.0, 4.0], "of the kernels; 1: the mean squared distance"
        )

    def distance(self, source_BE: torch.Tensor, target_BE: torch.Tensor) -> torch.Tensor:
        return squared_mmd(source_BE, target_BE, self.config.bandwidths)


def squared_mmd(
    source_BE: torch.Tensor, target_BE: torch.Tensor, bandwidths: list[float]
) -> torch.Tensor:
    """The squared discrepancy; at least 0, and 0 for equal sets.

    >>> x_BE = torch.tensor([[0.0], [1.0]])
    >>> float(squared_mmd(x_BE, x_BE, [1.0]))
    0.0
    """
    both_AE, num_source = torch.cat([source_BE, target_BE]), len(source_BE)
    both_AE = both_AE - both_AE.detach().mean(dim=0)  # smaller products are more precise
    square_A = both_AE.square().sum(dim=1)
    square_AA = square_A[:, None] + square_A - 2 * both_AE @ both_AE.T
    size = len(both_AE)
    mean = square_AA.detach().sum() / (size * (size - 1))
    scale = mean.clamp(min=torch.finfo(mean.dtype).tiny)
    kernel_AA = sum(torch.exp(-square_AA / (b * scale)) for b in bandwidths) / len(bandwidths)
    source, target = kernel_AA[:num_source], kernel_AA[num_source:]
    within = source[:, :num_source].mean() + target[:, num_source:].mean()
    return within - 2 * source[:, num_source:].mean()
