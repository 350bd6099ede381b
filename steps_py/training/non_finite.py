"""Steps whose loss or gradient is not finite: left out, and too many of them undone.

What is decided depends on the steps alone, not on when checkpoints were written, so that a
resumed training decides alike.
"""

import math

import torch

from steps_py.errors import StepsError

LOWER_LR = 0.5  # after a return to an epoch's start


def is_good(loss, gradients):
    """A tensor that is true if the loss and all gradients are finite, without waiting for it.

    >>> is_good(torch.tensor(1.0), [torch.tensor([1.0, 2.0])])
    tensor(True)
    >>> is_good(torch.tensor(1.0), [torch.tensor([1.0, math.inf])])
    tensor(False)
    """
    good = loss.isfinite()
    norms = torch._foreach_norm(gradients, ord=math.inf) if gradients else ()
    return good & torch.stack(norms).isfinite().all() if norms else good


class Statistics:
    """Running statistics of batch norm as they were, for after a step that spoilt them.

    A forward pass that ends in nan has put nan into them already.
    """

    def __init__(self, network):
        self._buffers = [b for b in network.buffers() if b.is_floating_point()]
        self._before = [buffer.clone() for buffer in self._buffers]

    def remember(self):
        """Take note of them as they are."""
        if self._buffers:
            torch._foreach_copy_(self._before, self._buffers)

    def bring_back(self):
        """Set them to what was remembered."""
        if self._buffers:
            torch._foreach_copy_(self._buffers, self._before)


def finite(tensors):
    """Whether all numbers of all tensors are finite."""
    return all(bool(x.isfinite().all()) for x in tensors)


def gave_up(trainer):
    """The error of a training that was rolled back as often as it may be."""
    loss, step = trainer.first_bad
    epoch, step_of_epoch = divmod(step, trainer.steps_per_epoch)
    what = f"loss is {loss}" if not math.isfinite(loss) else "the gradient is not finite"
    what += f" at epoch {epoch + 1}, step {step_of_epoch + 1}"
    if not trainer.skipped:
        what = f"weights are not finite after step {trainer.step}"
    tried = ""
    if trainer.rollbacks:
        tried = f" {trainer.rollbacks} times the epoch was begun again with half the lr."
    return StepsError(
        f"train: {what} (last finite loss {trainer.last_loss:.4g},"
        f" lr {trainer.lr_at(step):.3g}).{tried}"
        " A lower train.optimizer.lr or a train.grad_clip usually helps."
    )
