"""The embedding of a network that is the x-vector: outer, inner, or both.

Shape suffixes: B batch, T frames, D feature dimension, E embedding.
"""

import torch
from torch import nn

from steps_py.errors import ConfigError
from steps_py.model.build import XvectorModel

OUTER, BOTH = "outer", "both"


class OfLayer(nn.Module):
    """A network whose output is its inner embedding, or the inner one followed by the outer one.

    Attributes
    ----------
    embedding_dim : int
        Dimension of the output.
    """

    def __init__(self, model: XvectorModel, layer: str):
        super().__init__()
        self.model, self._is_both = model, layer == BOTH
        self.embedding_dim = model.inner_dim + (model.embedding_dim if self._is_both else 0)

    def forward(
        self, x_BTD: torch.Tensor, num_frames_B: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Features (B, T, D) -> x-vectors (B, E)."""
        outer_BE, inner_BE = self.model.embeddings(x_BTD, num_frames_B)
        return torch.cat([inner_BE, outer_BE], dim=1) if self._is_both else inner_BE


def of_layer(model: XvectorModel, layer: str) -> nn.Module:
    """The network with the output that ``xvectors.layer`` names.

    Raises ConfigError if it has no inner embedding.
    """
    if layer == OUTER:
        return model
    if model.inner_dim is None:
        raise ConfigError(
            f"xvectors.layer is {layer}, but the network has no inner embedding. Set layer to"
            " outer, or train a network with model.inner_dim."
        )
    return OfLayer(model, layer)
