"""Loss, accuracy and skipped steps of the current epoch."""

import math

import torch

from steps_py.training.processes import Requests


class EpochTotals:
    """Sums over the steps of an epoch, fetched from the device a few steps at a time.

    Waiting for the loss of every step would leave a GPU idle, so `add` keeps results on the
    device until `fetch`.

    Parameters
    ----------
    num_processes : int
    num_terms : int
        Terms that objectives add to the loss.

    Attributes
    ----------
    loss, num_correct : float
        Sums over the steps that were not skipped.
    num_steps : int
        Steps that were not skipped.
    num_skipped : int
        Steps that were skipped because their loss or gradient was not finite.
    first_skipped : (float, int)
        Loss and number of the first skipped step; (nan, first step) if there is none.
    last_loss : float
        The last finite loss, of this epoch or an earlier one.
    requests : Requests
        Requests of any process at the last step that was fetched.
    """

    def __init__(self, num_processes: int, num_terms: int = 0):
        self._num_processes, self._num_terms = num_processes, num_terms
        self.last_loss = math.nan
        self.requests = Requests()
        self.start(0)

    def start(self, step: int) -> None:
        """Reset the sums at the start of an epoch, whose first step is `step`."""
        self.loss, self.num_correct, self.num_steps = 0.0, 0.0, 0
        self.num_skipped, self.first_skipped = 0, (math.nan, step)
        self._terms = [(0.0, 0)] * self._num_terms  # sum, and number of steps with the term
        self._pending = []

    @property
    def has_pending(self) -> bool:
        """Whether results wait on the device."""
        return bool(self._pending)

    def add(self, means: torch.Tensor, is_good: torch.Tensor) -> None:
        """Add a step: loss, number correct, requests and terms, means over processes."""
        self._pending.append(torch.cat([means, is_good.float().reshape(1)]))

    def fetch(self, step: int) -> None:
        """Copy pending results from the device; `step` is the number of the next step."""
        if not self._pending:
            return
        first = step - len(self._pending)
        num_requests = len(Requests._fields)
        for i, (loss, num_correct, *others, good) in enumerate(torch.stack(self._pending).tolist()):
            self.requests = Requests(*map(bool, others[:num_requests]))
            if good and math.isfinite(loss):
                self.last_loss = loss
                self.loss += loss
                self.num_correct += num_correct * self._num_processes
                self.num_steps += 1
                self._add_terms(others[num_requests:])
            elif not good:
                if not self.num_skipped:
                    self.first_skipped = (loss, first + i)
                self.num_skipped += 1
        self._pending.clear()

    def means(self, batch_size: int) -> tuple[float, float]:
        """Mean loss and accuracy (0 to 1) of the steps that were not skipped."""
        num_steps = max(1, self.num_steps)
        return self.loss / num_steps, self.num_correct / max(1, self.num_steps * batch_size)

    def _add_terms(self, values):
        for place, value in enumerate(values):
            if math.isfinite(value):
                total, count = self._terms[place]
                self._terms[place] = total + value, count + 1

    def term_means(self) -> list[float | None]:
        """Mean value of each term over the steps that computed it; None if none did."""
        return [total / count if count else None for total, count in self._terms]

    def state(self) -> dict:
        """Values for a checkpoint; fetch pending results first."""
        return {
            "sums": [self.loss, self.num_correct, self.num_steps, self.num_skipped],
            "last": [self.last_loss, *self.first_skipped],
            **({"terms": list(self._terms)} if self._terms else {}),
        }

    def restore(self, state: dict) -> None:
        """Restore a `state`."""
        self._pending = []
        self.loss, self.num_correct, self.num_steps, self.num_skipped = state["sums"]
        self._terms = [tuple(pair) for pair in state.get("terms", ())]
        self.last_loss, *first_skipped = state["last"]
        self.first_skipped = tuple(first_skipped)
