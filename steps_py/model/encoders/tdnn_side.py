"""The x-vector whose layers also read side information of the utterance.

Shape suffixes: B batch, T frames, D feature dimension, C channels, S side information.

References: D. Snyder et al., "X-vectors: Robust DNN embeddings for speaker recognition", ICASSP
2018, table 1; the side information is that of github.com/gulamungon/SEQUENS, class
xvector_side_info, 2019.
"""

from dataclasses import dataclass

import torch
from torch import nn

from steps_py.errors import ConfigError
from steps_py.model.encoders.tdnn import Tdnn
from steps_py.model.registries import ENCODERS
from steps_py.settings.declare import Count, setting


@ENCODERS.register("tdnn_side")
class TdnnSide(Tdnn):
    """Tdnn with a vector of the utterance, such as its domain, added in each layer.

    The last `num_side_features` features are the vector; those of the first frame are taken, as
    they are to be the same in all frames (``paste-feats``).  Each layer adds a learned
    affine of it before ReLU.

    >>> encoder = TdnnSide(TdnnSide.Config(hidden_dim=8, out_dim=12), in_dim=3)
    >>> encoder(torch.zeros(2, 20, 3), None)[0].shape
    torch.Size([2, 6, 12])
    """

    @dataclass(frozen=True, kw_only=True)
    class Config(Tdnn.Config):
        num_side_features: Count = setting(1, "last features, which describe the utterance")

    def __init__(self, config: Config, in_dim: int):
        num_side = config.num_side_features
        if in_dim <= num_side:
            raise ConfigError(
                f"encoder 'tdnn_side': num_side_features is {num_side} of {in_dim} features."
                " Set it to fewer."
            )
        super().__init__(config, in_dim - num_side)
        self.num_side = num_side
        self.side_affines = nn.ModuleList(
            nn.Linear(num_side, layer.affine.out_features, bias=False) for layer in self.layers
        )

    def forward(
        self, x_BTD: torch.Tensor, mask_BT: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Frames (B, T, D) -> frames (B, T - min_frames + 1, C), and their mask."""
        x_BTC, side_B1S = x_BTD[:, :, : -self.num_side], x_BTD[:, :1, -self.num_side :]
        for layer, side_affine in zip(self.layers, self.side_affines, strict=True):
            if mask_BT is not None:  # real if the last input frame is
                mask_BT = mask_BT[:, layer.span :]
            x_BTC = layer(x_BTC, mask_BT, side_affine(side_B1S))
        return x_BTC, mask_BT
