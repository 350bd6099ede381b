"""The x-vector with residual connections between its layers.

Shape suffixes: B batch, T frames, D feature dimension, C channels.

References: D. Snyder et al., "X-vectors: Robust DNN embeddings for speaker recognition", ICASSP
2018, table 1; the connections are those of github.com/gulamungon/SEQUENS, class
xvector_residual, 2019.
"""

from dataclasses import dataclass

import torch

from steps_py.model.encoders.tdnn import Tdnn, middle
from steps_py.model.registries import ENCODERS


@ENCODERS.register("tdnn_residual")
class TdnnResidual(Tdnn):
    """Tdnn whose layers, from the third on, read the sum of the outputs of the two before.

    As layers are not padded, the longer output is cut on both sides.

    >>> encoder = TdnnResidual(TdnnResidual.Config(hidden_dim=8, out_dim=12), in_dim=3)
    >>> encoder(torch.zeros(2, 20, 3), None)[0].shape
    torch.Size([2, 6, 12])
    """

    @dataclass(frozen=True, kw_only=True)
    class Config(Tdnn.Config):
        pass

    def forward(
        self, x_BTD: torch.Tensor, mask_BT: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Frames (B, T, D) -> frames (B, T - min_frames + 1, C), and their mask."""
        outputs = []
        for number, layer in enumerate(self.layers):
            x_BTC = outputs[-1] if outputs else x_BTD
            if number > 1:
                x_BTC = x_BTC + middle(outputs[-2], x_BTC.shape[1])
            if mask_BT is not None:  # real if the last input frame is
                mask_BT = mask_BT[:, layer.span :]
            outputs.append(layer(x_BTC, mask_BT))
        return outputs[-1], mask_BT
