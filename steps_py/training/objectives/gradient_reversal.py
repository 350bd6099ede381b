"""Domain-adversarial training by a reversed gradient."""

import math
from dataclasses import dataclass
from typing import Annotated

import torch

from steps_py.model.registries import LOSSES, OBJECTIVES
from steps_py.settings.declare import part, setting
from steps_py.training.objectives.base import EmbeddedBatch, Material
from steps_py.training.objectives.domains import DomainConfig, DomainObjective


@OBJECTIVES.register("gradient_reversal")
class GradientReversal(DomainObjective):
    r"""A classifier of domains, whose gradient is reversed before it reaches the embedding.

    The classifier learns to tell the domains apart, the network to make that hard.  The reversed
    gradient is multiplied by

    .. math:: \lambda = \lambda_{max} \left( \frac{2}{1 + e^{-\gamma p}} - 1 \right)

    where p rises from 0 to 1 over the epochs of the stage.

    Y. Ganin and V. Lempitsky, "Unsupervised domain adaptation by backpropagation", ICML 2015,
    equation (14).
    """

    @dataclass(frozen=True, kw_only=True)
    class Config(DomainConfig):
        loss: Annotated[
            dict,
            part("loss", facts={"classifies": True}, cure="Set it to a loss that classifies."),
        ] = setting({"name": "softmax"}, "of the classifier of domains")
        max_factor: float = setting(1.0, "largest factor of the reversed gradient", minimum=0)
        gamma: float | None = setting(
            10.0, "how fast the factor rises; null: it is max_factor from the start", minimum=0
        )

    def __init__(self, config: Config, material: Material):
        super().__init__(config, material)
        self.loss = LOSSES.build(config.loss, in_dim=self.dim, num_speakers=len(self.names))
        self._num_epochs, self.factor = material.sections["train"].num_epochs, config.max_factor

    def set_epoch(self, epoch: float) -> None:
        self.loss.set_epoch(epoch)
        progress = min(1.0, epoch / self._num_epochs)
        self.factor = self.config.max_factor * rise(progress, self.config.gamma)

    def forward(self, batch: EmbeddedBatch) -> torch.Tensor:
        x_BE, domain_B = self.of_process(batch)
        loss, _ = self.loss(_Reverse.apply(x_BE, self.factor), domain_B)
        return loss


def rise(progress: float, gamma: float | None) -> float:
    """Ganin's schedule, from 0 to nearly 1; 1 for a `gamma` of None.

    >>> rise(0, 10), round(rise(0.1, 10), 4), rise(0.1, None)
    (0.0, 0.4621, 1.0)
    """
    return 1.0 if gamma is None else 2 / (1 + math.exp(-gamma * progress)) - 1


class _Reverse(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, factor):
        ctx.factor = factor
        return x.view_as(x)

    @staticmethod
    def backward(ctx, gradient):
        return -ctx.factor * gradient, None
