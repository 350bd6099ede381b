"""Wasserstein distance between domains, estimated by a critic."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated

import numpy as np
import torch
from torch import nn

from steps_py.draws import generator
from steps_py.model.registries import OBJECTIVES
from steps_py.settings.declare import Count, part, setting
from steps_py.training.objectives.base import EmbeddedBatch, Material
from steps_py.training.objectives.domains import PairConfig, PairObjective
from steps_py.training.own_optimizer import OwnOptimizer


@OBJECTIVES.register("wasserstein")
class Wasserstein(PairObjective):
    r"""Distance of two domains as a critic f estimates it: mean f(source) - mean f(target).

    Before each step of the network the critic takes `critic_steps` steps on the same embeddings,
    with which it minimises

    .. math:: -\left( \overline{f(s)} - \overline{f(t)} \right) + \gamma\,
              \overline{ \left( \|\nabla f(h)\|_2 - 1 \right)^2 }

    where each h is on the line between a source and a target embedding, drawn at random; the norm
    is that of each h.

    J. Shen et al., "Wasserstein distance guided representation learning for domain adaptation",
    AAAI 2018, algorithm 1; the sizes are those of SEQUENS, which takes one norm of the whole batch.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config(PairConfig):
        weight: float = setting(0.1, "of the term, which is added to the loss", minimum=0)
        hidden_dims: list[Count] = setting([256, 256], "hidden layers of the critic, leaky ReLU")
        penalty: float = setting(5.0, "gamma, of the gradient penalty", minimum=0)
        critic_steps: Count = setting(5, "steps of the critic before each step of the network")
        optimizer: Annotated[dict, part("optimizer")] | None = setting(
            None, "of the critic; null: train.optimizer"
        )
        lr_factor: float = setting(
            1e-3,
            "of the critic's learning rate, beside the factor of the schedule",
            exclusiveMinimum=0,
        )

    def __init__(self, config: Config, material: Material):
        super().__init__(config, material)
        train = material.sections["train"]
        self.critic = build_critic([self.dim, *config.hidden_dims, 1]).to(material.device)
        self.own_optimizer = OwnOptimizer(
            config.optimizer or train.optimizer, self.critic, material.group, self.where
        )
        self._seed = train.seed

    def own_modules(self) -> list[nn.Module]:
        return [self.critic]

    def take_own_steps(self, batch: EmbeddedBatch, lr_factor: float) -> None:
        source_BE, target_BE = self.pair(batch)
        if min(len(source_BE), len(target_BE)) < 2:
            return
        self.critic.requires_grad_(True)
        for number in range(self.config.critic_steps):
            random = generator(self._seed, self.where, batch.step, number)
            between_BE = draw_between(source_BE, target_BE, random)
            penalty = gradient_penalty(self.critic, between_BE)
            loss = self.config.penalty * penalty - self.distance(source_BE, target_BE)
            self.own_optimizer.step(loss, lr_factor * self.config.lr_factor)

    def own_state(self) -> dict:
        return self.own_optimizer.state()

    def restore_own(self, state: dict) -> None:
        self.own_optimizer.restore(state)

    def reset_own(self) -> None:
        self.own_optimizer.reset()

    def forward(self, batch: EmbeddedBatch) -> torch.Tensor:
        self.critic.requires_grad_(False)  # the gradient is that of the embeddings
        return super().forward(batch)

    def distance(self, source_BE: torch.Tensor, target_BE: torch.Tensor) -> torch.Tensor:
        return self.critic(source_BE).mean() - self.critic(target_BE).mean()


def build_critic(dims: list[int]) -> nn.Sequential:
    """Affine layers of these dimensions with leaky ReLU between them.

    >>> build_critic([512, 256, 256, 1])[-1]
    Linear(in_features=256, out_features=1, bias=True)
    """
    layers = []
    for in_dim, out_dim in pairwise(dims):
        layers += [nn.Linear(in_dim, out_dim), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers[:-1])


def draw_between(
    source_BE: torch.Tensor, target_BE: torch.Tensor, random: np.random.Generator
) -> torch.Tensor:
    """Points on the lines between pairs of a source and a target, as many as the larger domain."""
    size = max(len(source_BE), len(target_BE))
    a_BE, b_BE = (
        x[torch.from_numpy(np.resize(random.permutation(len(x)), size)).to(x.device)]
        for x in (source_BE, target_BE)
    )
    share_B1 = torch.from_numpy(random.random((size, 1))).to(source_BE)
    return share_B1 * a_BE + (1 - share_B1) * b_BE


def gradient_penalty(critic: nn.Module, x_BE: torch.Tensor) -> torch.Tensor:
    """Mean over points of (norm of the critic's gradient there - 1) squared.

    >>> critic = nn.Linear(2, 1)
    >>> _ = critic.weight.data.copy_(torch.tensor([[3.0, 4.0]]))    # a gradient of norm 5
    >>> gradient_penalty(critic, torch.zeros(7, 2)).item()    # (5 - 1)^2, for any number of points
    16.0
    """
    x_BE = x_BE.detach().requires_grad_(True)
    (gradient_BE,) = torch.autograd.grad(critic(x_BE).sum(), x_BE, create_graph=True)
    return (gradient_BE.norm(dim=1) - 1).square().mean()
