"""The mean of the weights at the ends of the last epochs.

Reference: P. Izmailov et al., "Averaging weights leads to wider optima and better
generalization", UAI 2018, section 3.2 for batch norm: its statistics are measured anew with
the averaged weights, as they belong to none of the networks that were averaged.
"""

import torch
from torch.nn.modules.batchnorm import _BatchNorm

STATISTICS_BATCHES = 100  # of training, read for the statistics


class Average:
    """A running mean of weights, kept in float64 on the CPU.

    >>> average = Average()
    >>> for value in (1.0, 4.0):
    ...     average.add({"w": torch.tensor([value])})
    >>> average.mean()
    {'w': tensor([2.5000])}
    """

    def __init__(self):
        self._sums, self._num = {}, 0

    def add(self, weights):
        """Add one network's weights, a dict of tensors."""
        for name, x in weights.items():
            self._sums[name] = self._sums.get(name, 0) + x.detach().cpu().double()
        self._num += 1

    def mean(self):
        """The mean as float32; empty if nothing was added."""
        return {name: (x / self._num).float() for name, x in self._sums.items()}

    def state(self):
        return {"sums": dict(self._sums), "num": self._num}

    def restore(self, state):
        self._sums, self._num = dict(state["sums"]), state["num"]


def average_network(network, average, batches):
    """Give a Network's model the mean weights; `batches` are of training, as tensors."""
    mean = average.mean()
    with torch.no_grad():
        for name, p in network.model.named_parameters():
            p.copy_(mean[name])

    def forward(batch):
        x_BTD, _, *lengths = batch
        network.embed(x_BTD, *lengths)

    measure_statistics(network.model, batches, forward)


def measure_statistics(model, batches, forward):
    """Set the running statistics of batch norm to their means over `batches`.

    ``forward(batch)`` runs the model; all but the norms is in eval mode, and the model is in
    the end.
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
                norm.momentum = 1 / (number + 1)  # the mean of all so far
            forward(batch)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    model.eval()
