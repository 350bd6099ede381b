"""Does a map depend on the weights?  Cascading randomisation of the network.

The parameters of layers are shuffled, from the output on, and the map is made again.  A map of a
method that reads the network loses its resemblance to the first one; one that keeps it shows its
input, whatever the network has learnt.

J. Adebayo et al., "Sanity checks for saliency maps", NeurIPS 2018.

Shape suffixes (scope: this module):
    T = frames   D = feature dimension
"""

import copy
import dataclasses

import numpy as np
import torch
from scipy import stats

from steps_py.attribution.explained import Explained
from steps_py.attribution.layers import leaf_names, recorded_calls
from steps_py.attribution.methods.base import Method


def cascade(
    explained: Explained, method: Method, map_TD: torch.Tensor, num_stages: int = 3, seed: int = 1
) -> dict[str, float]:
    """The rank correlation of the absolute map with those of ever more random networks.

    Layers are in the order of their calls.  ``{"1/3": r, "2/3": r, "3/3": r}``: the share of
    layers with parameters that is shuffled, and Spearman's correlation over all features; nan for
    a map that is the same everywhere.
    """
    network = copy.deepcopy(explained.network)
    with recorded_calls(network, leaf_names(network)) as calls, torch.no_grad():
        network(explained.first_input()[None])
    modules = dict.fromkeys(call.module for call in calls)
    layers = [module for module in modules if [*module.parameters()]][::-1]
    chance, found = torch.Generator().manual_seed(seed), {}
    random = dataclasses.replace(explained, network=network)
    for stage, part in enumerate(np.array_split(np.arange(len(layers)), num_stages), start=1):
        for k in part:
            shuffle_parameters(layers[k], chance)
        other_TD = method.attribute(random).map_TD
        found[f"{stage}/{num_stages}"] = rank_correlation(map_TD, other_TD)
    return found


def shuffle_parameters(module: torch.nn.Module, chance: torch.Generator) -> None:
    """Put the numbers of each parameter in a random order; their scale stays."""
    with torch.no_grad():
        for parameter in module.parameters():
            order = torch.randperm(parameter.numel(), generator=chance)
            parameter.copy_(parameter.flatten()[order].view_as(parameter))


def rank_correlation(one_TD: torch.Tensor, other_TD: torch.Tensor) -> float:
    """Spearman's correlation of the absolute values of two maps; nan if one is constant.

    >>> rank_correlation(torch.tensor([1.0, -2.0, 3.0]), torch.tensor([2.0, 5.0, 9.0]))
    1.0
    """
    one, other = (x.detach().abs().double().flatten().numpy() for x in (one_TD, other_TD))
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return float("nan")
    return round(float(stats.spearmanr(one, other).statistic), 6)
