"""The mean of the weights after each of the last epochs, for final.pt alone."""

from steps_py.training.averages.swa import Swa


class LastEpochs(Swa):
    """What ``train.average_epochs`` is: the mean of the model at the end of these epochs.

    Training goes on as without it: validation and head.pt are those of the last weights.

    >>> average = LastEpochs(2, num_steps=8, steps_per_epoch=2)
    >>> [step for step in range(9) if average.is_due(step)]
    [6, 8]
    """

    in_training = False

    def __init__(self, num_epochs: int, num_steps: int, steps_per_epoch: int):
        super().__init__(Swa.Config(), num_steps, steps_per_epoch)
        self._first = num_steps - (num_epochs - 1) * steps_per_epoch if num_epochs > 1 else None

    def is_due(self, step: int) -> bool:
        return self._first is not None and step >= self._first and step % self.steps_per_epoch == 0
