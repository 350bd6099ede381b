"""Weight averaging: the mean of the weights after each of the last epochs.

Reference: P. Izmailov et al., "Averaging weights leads to wider optima and better
generalization", UAI 2018, section 3.2 for batch norm: its statistics are recomputed with the
averaged weights, as those of the averaged networks do not fit them.
"""

from collections.abc import Callable, Iterable, Mapping

import torch
from torch.nn.modules.batchnorm import _BatchNorm

from steps_py.training.network import Network

STATISTICS_BATCHES = 100  # training batches over which statistics are recomputed


class WeightAverage:
    """A running mean of weights, kept in float64 on the CPU.

    >>> average = WeightAverage()
    >>> for value in (1.0, 4.0):
    ...     average.add({"w": torch.tensor([value])})
    >>> average.mean()
    {'w': tensor([2.5000])}
    """

    def __init__(self):
        self._sums, self._num = {}, 0

    def add(self, weights: Mapping[str, torch.Tensor]) -> None:
        """Add the weights of one network."""
        for name, x in weights.items():
            self._sums[name] = self._sums.get(name, 0) + x.detach().cpu().double()
        self._num += 1

    def mean(self) -> dict[str, torch.Tensor]:
        """The mean as float32; empty if nothing was added."""
        return {name: (x / self._num).float() for name, x in self._sums.items()}

    def state(self) -> dict:
        """Values for a checkpoint."""
        return {"sums": dict(self._sums), "num": self._num}

    def restore(self, state: dict) -> None:
        """Restore a `state`."""
        self._sums, self._num = dict(state["sums"]), state["num"]


def load_average(
    network: Network, average: WeightAverage, batches: Iterable[tuple[torch.Tensor, ...]]
) -> None:
    """Load the mean weights into the model and recompute its statistics over training batches."""
    mean = average.mean()
    with torch.no_grad():
        for name, p in network.model.named_parameters():
            p.copy_(mean[name])

    def forward(batch):
        x_BTD, _, *lengths = batch
        network.embed(x_BTD, *lengths)

    recompute_statistics(network.model, batches, forward)


def recompute_statistics(
    model: torch.nn.Module, batches: Iterable, forward: Callable[..., object]
) -> None:
    """Set the running statistics of batch norm to their means over `batches`.

    ``forward(batch)`` runs the model, with only the norms in training mode.  The model is left
    in eval mode.
    """
    norms = [module for module in model.modules() if isinstance(module, _BatchNorm)]
    model.eval()
    if not norms:
        return
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.train()
    with torch.no_grad():
        for number, batch in enumerate(batches):
            for norm in norms:
                norm.momentum = 1 / (number + 1)  # cumulative mean
            forward(batch)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    model.eval()
