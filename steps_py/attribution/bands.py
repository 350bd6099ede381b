"""Features that are linear in frequency bands, such as cepstra, as bands.

A map of cepstra says nothing of frequencies.  Cepstra are products of log band energies with a
matrix, so a score is a function of these too, and every method maps it on them.  Many band energies
have the same cepstra; the ones of the smallest norm are taken, a smooth spectrum.

Shape suffixes (scope: this module):
    T = frames   D = feature dimension   B = bands
"""

from contextlib import contextmanager

import numpy as np
import torch
from torch import nn


class Bands:
    """The bands of features.

    Parameters
    ----------
    matrix_BD : float array
        Of rank D: bands (T, B) times it are features.
    frequencies_hz : float array (B,)
        nan for one without a frequency.

    >>> bands = Bands(np.array([[1.0], [1.0]]), np.array([100.0, 200.0]))
    >>> bands.of(np.array([[6.0]]))
    array([[3., 3.]], dtype=float32)
    """

    def __init__(self, matrix_BD: np.ndarray, frequencies_hz: np.ndarray):
        self.matrix_BD, self.frequencies_hz = np.asarray(matrix_BD), frequencies_hz
        self._inverse_DB = np.linalg.pinv(self.matrix_BD)

    def of(self, x_TD: np.ndarray) -> np.ndarray:
        """The bands (T, B) float32 of the smallest norm that have these features."""
        return np.asarray(x_TD @ self._inverse_DB, np.float32)

    @contextmanager
    def as_input(self, network: nn.Module):
        """Within it the network takes bands in place of features."""
        matrix_BD = torch.from_numpy(self.matrix_BD)

        def features_of(module, args):
            return (args[0] @ matrix_BD.to(args[0]), *args[1:])

        handle = network.register_forward_pre_hook(features_of)
        try:
            yield
        finally:
            handle.remove()


class NoBands:
    """Features that are mapped as they are."""

    def __init__(self, frequencies_hz: np.ndarray | None):
        self.frequencies_hz = frequencies_hz

    def of(self, x_TD: np.ndarray) -> np.ndarray:
        """The features themselves."""
        return x_TD

    @contextmanager
    def as_input(self, network: nn.Module):
        """The network takes features."""
        yield
