"""The registry of formats of exported networks and their contract.

EXPORT_FORMATS  ``cls.write(program, path)`` writes a network, `Program`; ``cls.open(path)`` is a
                function that computes with the file what the network computes, from an array
                (1, T, D) to one (1, E), by the format's own runtime.  ``suffix`` is that of file
                names by which the format is chosen, ``packages`` what it needs to import.

Shape suffixes (scope: this package): B = 1   T = frames   D = feature dimension   E = embedding
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch

from steps_py.registry import Registry

EXPORT_FORMATS = Registry("format", home="steps_py.export.formats")

Compute = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, kw_only=True)
class Program:
    """What is exported.

    Attributes
    ----------
    exported : torch.export.ExportedProgram
        The network for any number of frames, with ``features`` (1, T, D) as its argument.
    facts : dict of str
        What a user of the file needs to know; formats with a place for it keep it.
    """

    exported: torch.export.ExportedProgram
    facts: dict[str, Any]


class ExportFormat:
    """Base of all formats."""

    suffix: ClassVar[str] = ""
    packages: ClassVar[tuple[str, ...]] = ()

    @dataclass(frozen=True, kw_only=True)
    class Config:
        pass

    @staticmethod
    def write(program: Program, path: str) -> None:
        """Write a network to a file."""
        raise NotImplementedError

    @staticmethod
    def open(path: str) -> Compute:
        """A function (1, T, D) -> (1, E) of the network in a file."""
        raise NotImplementedError
