"""The x-vector's layers side by side, for a pooling of several levels.

Shape suffixes: B batch, T frames, D feature dimension, C channels.

References: Y. Tang et al., "Deep speaker embedding learning with multi-level pooling for
text-independent speaker verification", ICASSP 2019, section 3; J. Monteiro et al., "Combining
speaker recognition and metric learning for speaker-dependent representation learning",
Interspeech 2019.
"""

from dataclasses import dataclass

import torch

from steps_py.model.encoders.tdnn import Tdnn, middle
from steps_py.model.registries import ENCODERS


@ENCODERS.register("tdnn_multi_level")
class TdnnMultiLevel(Tdnn):
    """Tdnn whose output is that of all of its layers.

    With pooling ``stats`` the embedding reads means and deviations of every layer.  As layers
    are not padded, longer outputs are cut on both sides.

    >>> encoder = TdnnMultiLevel(TdnnMultiLevel.Config(hidden_dim=8, out_dim=12), in_dim=3)
    >>> encoder(torch.zeros(2, 20, 3), None)[0].shape    # four layers of 8 and one of 12
    torch.Size([2, 6, 44])
    """

    @dataclass(frozen=True, kw_only=True)
    class Config(Tdnn.Config):
        pass

    def __init__(self, config: Config, in_dim: int):
        super().__init__(config, in_dim)
        self.out_dim = config.hidden_dim * (len(self.layers) - 1) + config.out_dim

    def forward(
        self, x_BTD: torch.Tensor, mask_BT: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Frames (B, T, D) -> frames (B, T - min_frames + 1, C), and their mask."""
        outputs = []
        for layer in self.layers:
            if mask_BT is not None:  # real if the last input frame is
                mask_BT = mask_BT[:, layer.span :]
            x_BTD = layer(x_BTD, mask_BT)
            outputs.append(x_BTD)
        num_frames = x_BTD.shape[1]
        return torch.cat([middle(x_BTC, num_frames) for x_BTC in outputs], dim=2), mask_BT
