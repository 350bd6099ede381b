"""The registry of engines of extraction and their contract.

ENGINES  ``cls.open(network, path)`` is what computes x-vectors in place of a network in eval mode
         on a CPU, and is called as the network is.  ``format`` is that of `sidewinder export` in
         which the engine reads the network, None if it needs no file.  Packages that it imports
         are named in `steps_py.embeddings.config`.
"""

from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from steps_py.registry import Registry

ENGINES = Registry("engine", home="steps_py.embeddings.engines")


class Engine:
    """Base of all engines."""

    format: ClassVar[str | None] = None

    @dataclass(frozen=True, kw_only=True)
    class Config:
        pass

    @staticmethod
    def open(network: nn.Module, path: str | None) -> nn.Module:
        """A module with ``embedding_dim``: features (B, T, D) and lengths -> x-vectors (B, E).

        Parameters
        ----------
        network : XvectorModel or OfLayer
        path : str or None
            The network in a file of `format`.

        Raises
        ------
        StepsError
            If the file is missing, damaged, or of another network.
        """
        raise NotImplementedError
