"""Steps whose loss or gradient is not finite: skipped; too many of them cause a rollback.

Decisions depend on the steps only, not on when checkpoints were written, so that a resumed
training makes the same ones.
"""

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import torch

from steps_py.errors import StepsError

if TYPE_CHECKING:  # circular at run time
    from steps_py.training.network import Network
    from steps_py.training.trainer import Trainer

ROLLBACK_LR_FACTOR = 0.5  # of the learning rate, for each rollback


def step_is_finite(loss: torch.Tensor, gradients: Sequence[torch.Tensor]) -> torch.Tensor:
    """Whether the loss and all gradients are finite; a bool tensor, without synchronising.

    >>> step_is_finite(torch.tensor(1.0), [torch.tensor([1.0, 2.0])])
    tensor(True)
    >>> step_is_finite(torch.tensor(1.0), [torch.tensor([1.0, math.inf])])
    tensor(False)
    """
    good = loss.isfinite()
    norms = torch._foreach_norm(gradients, ord=math.inf) if gradients else ()
    return good & torch.stack(norms).isfinite().all() if norms else good


class BufferBackup:
    """A copy of the running statistics of batch norm.

    A forward pass whose loss is nan has already put nan into the statistics, so a skipped step
    must restore them.
    """

    def __init__(self, network: "Network"):
        self._buffers = [b for b in network.buffers() if b.is_floating_point()]
        self._copies = [buffer.clone() for buffer in self._buffers]

    def save(self) -> None:
        """Copy the current statistics."""
        if self._buffers:
            torch._foreach_copy_(self._copies, self._buffers)

    def restore(self) -> None:
        """Set the statistics to the copy."""
        if self._buffers:
            torch._foreach_copy_(self._buffers, self._copies)


def all_finite(tensors: Iterable[torch.Tensor]) -> bool:
    """Whether all values of all tensors are finite."""
    return all(bool(x.isfinite().all()) for x in tensors)


def divergence_error(trainer: "Trainer") -> StepsError:
    """The error of a training that exceeded its number of rollbacks."""
    loss, step = trainer.totals.first_skipped
    epoch, step_of_epoch = divmod(step, trainer.steps_per_epoch)
    what = f"loss is {loss}" if not math.isfinite(loss) else "the gradient is not finite"
    what += f" at epoch {epoch + 1}, step {step_of_epoch + 1}"
    if not trainer.totals.num_skipped:
        what = f"weights are not finite after step {trainer.step}"
    tried = ""
    if trainer.rollbacks:
        restarts = f"{trainer.rollbacks} restart{'s' if trainer.rollbacks > 1 else ''}"
        tried = f" {restarts} of an epoch with half the lr did not help."
    return StepsError(
        f"train: {what} (last finite loss {trainer.totals.last_loss:.4g},"
        f" lr {trainer.lr_at(step):.3g}).{tried}"
        " A lower train.optimizer.lr or a train.grad_clip usually helps."
    )
