"""A time-delay network followed by self-attention.

Shape suffixes: B batch, T frames, D feature dimension, C channels.

References: J. Monteiro et al., "Combining speaker recognition and metric learning for
speaker-dependent representation learning", Interspeech 2019; A. Vaswani et al., "Attention is all
you need", NeurIPS 2017, section 3.
"""

from dataclasses import dataclass

import torch
from torch import nn

from steps_py.errors import ConfigError
from steps_py.model.encoders.tdnn import Tdnn
from steps_py.model.layers.attention import AttentionLayer
from steps_py.model.registries import ENCODERS
from steps_py.settings.declare import Count, setting


@ENCODERS.register("tdnn_attention")
class TdnnAttention(nn.Module):
    """The x-vector's layers over frames, then layers of attention over the whole utterance.

    The x-vector's layers carry the order of the frames: positions are not added.

    >>> config = TdnnAttention.Config(hidden_dim=8, out_dim=12)
    >>> encoder = TdnnAttention(config, in_dim=3)
    >>> encoder(torch.zeros(2, 20, 3), None)[0].shape
    torch.Size([2, 6, 12])
    """

    @dataclass(frozen=True, kw_only=True)
    class Config(Tdnn.Config):
        num_heads: Count = 4
        num_attention_layers: Count = 1
        feed_forward_dim: Count = setting(512, "channels between the two affines of such a layer")

        def __post_init__(self):
            super().__post_init__()
            if self.out_dim % self.num_heads:
                raise ConfigError(
                    f"encoder 'tdnn_attention': out_dim is {self.out_dim}, not a multiple of"
                    f" num_heads, {self.num_heads}. Set out_dim to a multiple of it."
                )

    def __init__(self, config: Config, in_dim: int):
        super().__init__()
        self.tdnn = Tdnn(config, in_dim)
        self.layers = nn.ModuleList(
            AttentionLayer(
                config.out_dim, num_heads=config.num_heads, hidden_dim=config.feed_forward_dim
            )
            for _ in range(config.num_attention_layers)
        )
        self.out_dim, self.min_frames = self.tdnn.out_dim, self.tdnn.min_frames

    def forward(
        self, x_BTD: torch.Tensor, mask_BT: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Frames (B, T, D) -> frames (B, T - min_frames + 1, C), and their mask."""
        x_BTC, mask_BT = self.tdnn(x_BTD, mask_BT)
        for layer in self.layers:
            x_BTC = layer(x_BTC, mask_BT)
        return x_BTC, mask_BT
