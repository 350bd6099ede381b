"""The registry of attribution methods and their contract.

METHODS  ``cls(config)`` with a frozen dataclass ``Config``, the options of the method, and
         ``attribute(explained)``, which maps an `Explained`.

Shape suffixes: T frames, D feature dimension.
"""

from dataclasses import dataclass, field

import torch

from steps_py.attribution.explained import Explained
from steps_py.registry import Registry

METHODS = Registry("attribution method", home="steps_py.attribution.methods")


@dataclass(frozen=True)
class Attribution:
    """A map, and what the method found on its way.

    Attributes
    ----------
    map_TD : Tensor
        How much each feature counts; signed, above 0 for what raises the score, unless the
        method's docstring says otherwise.
    facts : dict
        Numbers and words for people, such as the check of a sum.
    """

    map_TD: torch.Tensor
    facts: dict[str, float | str] = field(default_factory=dict)


class Method:
    """Base of all methods."""

    @dataclass(frozen=True, kw_only=True)
    class Config:
        pass

    def __init__(self, config):
        self.config = config

    def attribute(self, explained: Explained) -> Attribution:
        """The map of a score at its recording."""
        raise NotImplementedError


def completeness(found: torch.Tensor | float, expected: float) -> dict[str, float]:
    """The facts of a check that a sum is what it has to be."""
    found = float(found)
    return {"sum": found, "expected_sum": expected, "completeness_gap": found - expected}
