"""A time-delay network followed by long short-term memory in both directions.

Shape suffixes: B batch, T frames, D feature dimension, C channels.

References: J. Monteiro et al., "Combining speaker recognition and metric learning for
speaker-dependent representation learning", Interspeech 2019; A. Graves and J. Schmidhuber,
"Framewise phoneme classification with bidirectional LSTM", Neural Networks 2005.
"""

from dataclasses import dataclass

import torch
from torch import nn

from steps_py.model.encoders.tdnn import Tdnn
from steps_py.model.layers.lstm import MaskedLstm
from steps_py.model.registries import ENCODERS
from steps_py.settings.declare import Count, setting


@ENCODERS.register("tdnn_lstm")
class TdnnLstm(nn.Module):
    """The x-vector's layers over frames, then layers of bidirectional LSTM.

    >>> config = TdnnLstm.Config(hidden_dim=8, out_dim=12, lstm_dim=16)
    >>> encoder = TdnnLstm(config, in_dim=3)
    >>> encoder(torch.zeros(2, 20, 3), None)[0].shape
    torch.Size([2, 6, 32])
    """

    @dataclass(frozen=True, kw_only=True)
    class Config(Tdnn.Config):
        lstm_dim: Count = setting(512, "channels of each direction of the LSTM")
        num_lstm_layers: Count = 2

    def __init__(self, config: Config, in_dim: int):
        super().__init__()
        self.tdnn = Tdnn(config, in_dim)
        self.lstm = MaskedLstm(
            self.tdnn.out_dim, config.lstm_dim, config.num_lstm_layers, bidirectional=True
        )
        self.out_dim, self.min_frames = self.lstm.out_dim, self.tdnn.min_frames

    def forward(
        self, x_BTD: torch.Tensor, mask_BT: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Frames (B, T, D) -> frames (B, T - min_frames + 1, C), and their mask."""
        x_BTC, mask_BT = self.tdnn(x_BTD, mask_BT)
        return self.lstm(x_BTC, mask_BT), mask_BT
