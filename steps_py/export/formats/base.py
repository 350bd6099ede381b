"""The registry of formats of exported networks and their contract.

EXPORT_FORMATS  ``cls.write(program, path)`` writes a network, `Program`; ``cls.open(path)`` is a
                function that computes with the file what the network computes, from an array
                (1, T, D), or of samples (1, N), to one (1, E), by the format's own runtime.
                ``suffix`` is that of file names by which the format is chosen, ``packages`` what it
                needs to import, ``takes_waveforms`` whether programs may begin with samples, and
                ``has_int8`` whether `steps_py.export.int8` quantises it.

Shape suffixes (scope: this package): B = 1   T = frames   D = feature dimension   E = embedding
    N = samples
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
    network : nn.Module
        In eval mode, of one argument, whose second axis has any length.
    example : Tensor
        An argument: features (1, T, D) or a waveform (1, N).
    input_name : str
        ``features`` or ``waveform``.
    least : int
        The shortest input, in frames or samples.
    facts : dict of str
        What a user of the file needs to know; formats with a place for it keep it.
    where : str
        The system, for messages.
    """

    network: torch.nn.Module
    example: torch.Tensor
    input_name: str
    least: int
    facts: dict[str, Any]
    where: str


class ExportFormat:
    """Base of all formats."""

    suffix: ClassVar[str] = ""
    packages: ClassVar[tuple[str, ...]] = ()
    takes_waveforms: ClassVar[bool] = False
    has_int8: ClassVar[bool] = False

    @dataclass(frozen=True, kw_only=True)
    class Config:
        pass

    @staticmethod
    def write(program: Program, path: str) -> None:
        """Write a network to a file; StepsError for one that the format cannot describe."""
        raise NotImplementedError

    @staticmethod
    def open(path: str) -> Compute:
        """A function (1, T, D), or (1, N), -> (1, E) of the network in a file."""
        raise NotImplementedError
