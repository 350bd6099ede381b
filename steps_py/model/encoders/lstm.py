"""Long short-term memory, of one direction or both.

Shape suffixes: B batch, T frames, D feature dimension, C channels.

References: S. Hochreiter and J. Schmidhuber, "Long short-term memory", Neural Computation 1997;
for speakers, L. Wan et al., "Generalized end-to-end loss for speaker verification", ICASSP 2018,
section 3.
"""

from dataclasses import dataclass

import torch
from torch import nn

from steps_py.model.layers.lstm import MaskedLstm
from steps_py.model.registries import ENCODERS
from steps_py.settings.declare import Count, Share, setting


@ENCODERS.register("lstm")
class Lstm(nn.Module):
    """Layers of LSTM over frames.

    With pooling ``last`` the vector is the output at the last frame; with ``self_attentive`` it
    is the attention LSTM.  The network of GE2E has 3 layers of 768 and 256 dimensions.

    >>> encoder = Lstm(Lstm.Config(hidden_dim=8, bidirectional=True), in_dim=3)
    >>> encoder(torch.zeros(2, 20, 3), None)[0].shape
    torch.Size([2, 20, 16])
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        hidden_dim: Count = setting(128, "channels of each direction")
        num_layers: Count = 2
        bidirectional: bool = setting(False, "a second LSTM in each layer, from the last frame on")
        dropout: Share = setting(0.2, "probability, between layers")

    def __init__(self, config: Config, in_dim: int):
        super().__init__()
        self.lstm = MaskedLstm(
            in_dim, config.hidden_dim, config.num_layers, config.bidirectional, config.dropout
        )
        self.out_dim = self.lstm.out_dim
        self.min_frames = 1

    def forward(
        self, x_BTD: torch.Tensor, mask_BT: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Frames (B, T, D) -> frames (B, T, C)."""
        return self.lstm(x_BTD, mask_BT), mask_BT
