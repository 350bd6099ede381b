"""F-TDNN in Kaldi's form: layers of two factors that add a part of their input to their output.

Shape suffixes: B batch, T frames, D feature dimension, C channels.

References: D. Povey et al., "Semi-orthogonal low-rank matrix factorization for deep neural
networks", Interspeech 2018, section 3 (Kaldi's ``tdnnf-layer``, with ``bypass-scale`` 0.66); for
speakers, github.com/Snowdar/asv-subtools, factored_xvector.py, 2020.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from steps_py.model.layers.conv import ConvReluNorm
from steps_py.model.layers.norm import MaskedBatchNorm
from steps_py.model.layers.semi_orthogonal import SemiOrthogonalConv
from steps_py.model.registries import ENCODERS
from steps_py.settings.declare import Count, Share, setting

# The factored layers, second to ninth of the network: layers whose outputs they read, and how far
# the frames of each of their two factors are from the current one.
LAYERS = (
    ((1,), 2),
    ((2,), 0),
    ((3,), 3),
    ((3,), 0),
    ((5,), 3),
    ((2, 4), 3),
    ((7,), 3),
    ((4, 6, 8), 0),
)


@ENCODERS.register("f_tdnn_bypass")
class FTdnnBypass(nn.Module):
    """A convolution over five frames, eight layers of two factors and an affine.

    A layer that reads one other of its own width adds `bypass_scale` times its input to its
    output.  Convolutions are zero-padded and keep the number of frames.  The first factor of a
    layer is kept semi-orthogonal in training.

    >>> config = FTdnnBypass.Config(first_dim=8, hidden_dim=8, bottleneck_dim=4, out_dim=12)
    >>> encoder = FTdnnBypass(config, in_dim=3)
    >>> encoder(torch.zeros(2, 20, 3), None)[0].shape
    torch.Size([2, 20, 12])
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        first_dim: Count = setting(512, "channels of the first layer")
        hidden_dim: Count = setting(1024, "channels of the factored layers")
        bottleneck_dim: Count = setting(256, "channels between their factors")
        out_dim: Count = 2048
        bypass_scale: Share = setting(0.66, "of a layer's input that is added to its output")

    def __init__(self, config: Config, in_dim: int):
        super().__init__()
        self.first = ConvReluNorm(in_dim, config.first_dim, kernel_size=5)
        self.layers = nn.ModuleList()
        for sources, reach in LAYERS:
            dim = config.first_dim if sources == (1,) else config.hidden_dim * len(sources)
            has_bypass = len(sources) == 1 and sources != (1,)
            scale = config.bypass_scale if has_bypass else 0.0
            self.layers.append(
                BypassedLayer(dim, config.bottleneck_dim, config.hidden_dim, reach, scale)
            )
        self.last = ConvReluNorm(config.hidden_dim, config.out_dim)
        self.out_dim = config.out_dim
        self.min_frames = 1

    def forward(
        self, x_BTD: torch.Tensor, mask_BT: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Frames (B, T, D) -> frames (B, T, C); padding of the input is 0."""
        outputs = {1: self.first(x_BTD.mT, mask_BT)[0]}
        for number, (layer, (sources, _)) in enumerate(zip(self.layers, LAYERS, strict=True), 2):
            x_BCT = torch.cat([outputs[source] for source in sources], dim=1)
            outputs[number] = layer(x_BCT, mask_BT)
        return self.last(outputs[number], mask_BT)[0].mT, mask_BT


class BypassedLayer(nn.Module):
    """Two factors in place of one convolution, ReLU, batch norm and a part of the input.

    The factors read the frames ``t - reach`` and t, then t and ``t + reach``; padding stays 0.
    """

    def __init__(self, in_dim, bottleneck_dim, out_dim, reach, bypass_scale):
        super().__init__()
        self.reach = reach
        self.enter = SemiOrthogonalConv(in_dim, bottleneck_dim, offset=reach, left=reach)
        kernel_size = 2 if reach else 1
        self.leave = nn.Conv1d(bottleneck_dim, out_dim, kernel_size, dilation=max(1, reach))
        self.norm = MaskedBatchNorm(out_dim)
        self.bypass_scale = bypass_scale

    def forward(self, x_BCT, mask_BT):
        y_BCT = F.pad(self.enter(x_BCT, mask_BT), (0, self.reach))
        y_BCT = self.norm(F.relu(self.leave(y_BCT)), mask_BT)
        return y_BCT + self.bypass_scale * x_BCT if self.bypass_scale else y_BCT
