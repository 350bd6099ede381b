"""F-TDNN: a time-delay network whose matrices are products of semi-orthogonal factors.

Shape suffixes: B batch, T frames, D feature dimension, C channels.

References: D. Povey et al., "Semi-orthogonal low-rank matrix factorization for deep neural
networks", Interspeech 2018; for speakers, J. Villalba et al., "State-of-the-art speaker
recognition with neural network embeddings in NIST SRE18 and Speakers in the Wild evaluations",
Computer Speech & Language 2020, table 3.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from steps_py.model.layers.norm import MaskedBatchNorm
from steps_py.model.layers.semi_orthogonal import FreeConv, SemiOrthogonalConv
from steps_py.model.registries import ENCODERS
from steps_py.settings.declare import Count, setting

# The factored layers, second to ninth of the network: offsets of the frames of each of the three
# factors and how many of them are before the current one; layers whose outputs are read as well.
NO_CONTEXT = ((0, 0), (0, 0), (0, 0))
TWO = ((2, 1), (2, 1), (2, 1))
THREE = ((3, 2), (3, 1), (2, 1))
LAYERS = (
    (TWO, ()),
    (NO_CONTEXT, ()),
    (THREE, ()),
    (NO_CONTEXT, (3,)),
    (THREE, ()),
    (THREE, (4, 2)),
    (THREE, ()),
    (NO_CONTEXT, (6, 4)),
)


@ENCODERS.register("f_tdnn")
class FTdnn(nn.Module):
    """A convolution over five frames, eight factored layers and an affine.

    The fifth, seventh and ninth layers read the outputs of earlier ones as well.  Convolutions
    are zero-padded and keep the number of frames.  The first two factors of a layer are kept
    semi-orthogonal in training.

    >>> encoder = FTdnn(FTdnn.Config(hidden_dim=8, bottleneck_dim=4, out_dim=12), in_dim=3)
    >>> encoder(torch.zeros(2, 20, 3), None)[0].shape
    torch.Size([2, 20, 12])
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        first_dim: Count = setting(512, "channels of the first layer")
        hidden_dim: Count = setting(1024, "channels of the factored layers")
        bottleneck_dim: Count = setting(256, "channels between their factors")
        out_dim: Count = 2048

    def __init__(self, config: Config, in_dim: int):
        super().__init__()
        self.first = nn.Conv1d(in_dim, config.first_dim, kernel_size=5, padding=2)
        self.first_norm = MaskedBatchNorm(config.first_dim)
        self.layers = nn.ModuleList()
        dim = config.first_dim
        for factors, skips in LAYERS:
            dim += config.hidden_dim * len(skips)
            layer = FactoredLayer(dim, config.bottleneck_dim, config.hidden_dim, factors)
            self.layers.append(layer)
            dim = config.hidden_dim
        self.last = nn.Conv1d(dim, config.out_dim, kernel_size=1)
        self.last_norm = MaskedBatchNorm(config.out_dim)
        self.out_dim = config.out_dim
        self.min_frames = 1

    def forward(
        self, x_BTD: torch.Tensor, mask_BT: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Frames (B, T, D) -> frames (B, T, C); padding of the input is 0."""
        x_BCT = self.first_norm(F.relu(self.first(x_BTD.mT)), mask_BT)
        outputs = {}
        for number, (layer, (_, skips)) in enumerate(zip(self.layers, LAYERS, strict=True), 2):
            x_BCT = torch.cat([x_BCT, *(outputs[skip] for skip in skips)], dim=1)
            x_BCT = outputs[number] = layer(x_BCT, mask_BT)
        return self.last_norm(F.relu(self.last(x_BCT)), mask_BT).mT, mask_BT


class FactoredLayer(nn.Module):
    """Three convolutions in place of one, ReLU and batch norm; padding of the output is 0."""

    def __init__(self, in_dim, bottleneck_dim, out_dim, factors):
        super().__init__()
        first, second, third = factors
        self.factors = nn.ModuleList(
            [
                SemiOrthogonalConv(in_dim, bottleneck_dim, *first),
                SemiOrthogonalConv(bottleneck_dim, bottleneck_dim, *second),
                FreeConv(bottleneck_dim, out_dim, *third),
            ]
        )
        self.norm = MaskedBatchNorm(out_dim)

    def forward(self, x_BCT, mask_BT):
        for factor in self.factors:
            x_BCT = factor(x_BCT, mask_BT)
        return self.norm(F.relu(x_BCT), mask_BT)
