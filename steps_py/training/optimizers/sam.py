"""Sharpness-aware minimisation."""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

import torch

from steps_py.model.registries import OPTIMIZERS
from steps_py.settings.declare import setting
from steps_py.training.optimizers.base import ONE_PASS, Wrapper


@OPTIMIZERS.register("sam")
class Sam(Wrapper):
    r"""Steps of `inner` with the gradient at the highest loss nearby.

    .. math:: g = \nabla L\Bigl(w + \rho \frac{\nabla L(w)}{|\nabla L(w)|}\Bigr)

    with rho = `radius`.  A step takes a second forward and backward pass over the same batch,
    with the same dropout masks and without an update of running statistics.  The norm is over
    all weights; gradients are those of the whole batch, so that the result does not depend on
    `accumulate_steps` or on the number of processes.

    P. Foret et al., "Sharpness-aware minimization for efficiently improving generalization",
    ICLR 2021, equations (2) and (3).

    >>> weight = torch.nn.Parameter(torch.tensor([3.0, 4.0]))
    >>> sam = Sam(Sam.Config(radius=5.0), [weight])
    >>> weight.square().sum().backward()    # along (0.6, 0.8)
    >>> with sam.perturbed():
    ...     print(weight.tolist())
    [6.0, 8.0]
    >>> weight.tolist()
    [3.0, 4.0]
    """

    perturbs_weights = True

    @dataclass(frozen=True, kw_only=True)
    class Config:
        inner: Annotated[dict, ONE_PASS] = setting(
            {"name": "sgd"}, "the optimiser that takes the step"
        )
        radius: float = setting(
            0.05, "rho, distance to the weights of the second gradient", exclusiveMinimum=0
        )

    def __init__(self, config: Config, parameters: Sequence[torch.nn.Parameter]):
        super().__init__(config.inner, parameters)
        self._radius = config.radius

    @contextlib.contextmanager
    def perturbed(self) -> Iterator[None]:
        """Context with the weights moved along their gradients, which are cleared.

        The weights are restored to the bit, even if gradients are not finite.
        """
        moved = [p for p in self.parameters if p.grad is not None]
        before = [p.detach().clone() for p in moved]
        gradients = [p.grad for p in moved]
        norm = torch.stack(torch._foreach_norm(gradients)).norm()
        with torch.no_grad():
            torch._foreach_add_(
                moved, torch._foreach_mul(gradients, self._radius / norm.clamp(min=1e-12))
            )
        self.zero_grad()
        try:
            yield
        finally:
            with torch.no_grad():
                torch._foreach_copy_(moved, before)
