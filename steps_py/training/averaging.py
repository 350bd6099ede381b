"""Averaged weights in a network, and the statistics of batch norm that fit them."""

from collections.abc import Callable, Iterable

import torch
from torch.nn.modules.batchnorm import _BatchNorm

from steps_py.model.registries import AVERAGES
from steps_py.training.averages.base import Average
from steps_py.training.averages.last_epochs import LastEpochs
from steps_py.training.config import TrainConfig
from steps_py.training.network import Network


def build_average(config: TrainConfig, num_steps: int, steps_per_epoch: int) -> Average:
    """The average of ``train.average``, or that of ``train.average_epochs``."""
    sizes = {"num_steps": num_steps, "steps_per_epoch": steps_per_epoch}
    if config.average is not None:
        return AVERAGES.build(config.average, **sizes)
    return LastEpochs(config.average_epochs, **sizes)


def averaged_tensors(network: Network, average: Average) -> dict[str, torch.Tensor]:
    """The tensors that are averaged: weights, and statistics that are not recomputed."""
    modules = {"": network.model} | ({"loss.": network.loss} if average.in_training else {})
    tensors = {}
    for prefix, module in modules.items():
        tensors |= {prefix + name: p for name, p in module.named_parameters()}
        if not average.statistics_batches:
            for name, norm in norms(module).items():
                tensors[f"{prefix}{name}.running_mean"] = norm.running_mean
                tensors[f"{prefix}{name}.running_var"] = norm.running_var
    return tensors


def norms(module: torch.nn.Module) -> dict[str, _BatchNorm]:
    """The batch norms with running statistics within a module, by name.

    >>> list(norms(torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2))))
    ['1']
    """
    return {
        name: norm
        for name, norm in module.named_modules()
        if isinstance(norm, _BatchNorm) and norm.track_running_stats
    }


def load_average(
    network: Network, average: Average, batches: Iterable[tuple[torch.Tensor, ...]]
) -> None:
    """Load the averaged weights into the network.

    Statistics of batch norm that are not averaged are recomputed over training batches.
    """
    mean = average.mean()
    with torch.no_grad():
        for name, x in averaged_tensors(network, average).items():
            x.copy_(mean[name])
    if not average.statistics_batches:
        return
    if average.in_training:
        both = torch.nn.ModuleList([network.model, network.loss])
        recompute_statistics(both, batches, lambda batch: network.compute(*batch))
        return

    def embed(batch):
        x_BTD, _, *lengths = batch
        network.embed(x_BTD, *lengths)

    recompute_statistics(network.model, batches, embed)


def recompute_statistics(
    model: torch.nn.Module, batches: Iterable, forward: Callable[..., object]
) -> None:
    """Set the running statistics of batch norm to their means over `batches`.

    ``forward(batch)`` runs the model, with only the norms in training mode.  The model is left
    in eval mode.
    """
    own = norms(model).values()
    model.eval()
    if not own:
        return
    momenta = [norm.momentum for norm in own]
    for norm in own:
        norm.reset_running_stats()
        norm.train()
    with torch.no_grad():
        for number, batch in enumerate(batches):
            for norm in own:
                norm.momentum = 1 / (number + 1)  # cumulative mean
            forward(batch)
    for norm, momentum in zip(own, momenta, strict=True):
        norm.momentum = momentum
    model.eval()
