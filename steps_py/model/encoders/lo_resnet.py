"""LoResNet: a short residual network whose every stage begins with a wide convolution.

Shape suffixes: B batch, T frames, D feature dimension, C channels, F frequency bins.

References: K. He et al., "Deep residual learning for image recognition", CVPR 2016; as in
github.com/Wenhao-Yang/SpeakerVerifiaction-pytorch, class LocalResNet, 2021.
"""

from dataclasses import dataclass
from functools import partial
from typing import Literal

import torch
import torch.nn.functional as F

from steps_py.model.layers.frame_bin_gate import FrameBinGate
from steps_py.model.layers.squeeze_excitation import SqueezeExcitation
from steps_py.model.layers.staged_encoder import StagedEncoder
from steps_py.model.layers.strided_stage import StridedStage
from steps_py.model.registries import ENCODERS
from steps_py.settings.declare import Count, setting

GATES = {  # of blocks of so many channels
    "none": lambda dim: None,
    "cbam": FrameBinGate,
    "squeeze_excitation": lambda dim: SqueezeExcitation(dim, max(1, dim // 4)),
}


@ENCODERS.register("lo_resnet")
class LoResNet(StagedEncoder):
    """Stages of a strided convolution of 5 x 5 and residual blocks; then means of bands of bins.

    The defaults are LoResNet-8, for spectrograms of 161 bins, with pooling ``mean`` and 128
    dimensions with batch norm.  LoResNet-10 has `base_dim` 32 and one block in each of four
    stages.

    >>> encoder = LoResNet(LoResNet.Config(base_dim=4), in_dim=161)
    >>> encoder(torch.zeros(2, 80, 161), None)[0].shape    # 16 channels of 4 bands
    torch.Size([2, 10, 64])
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        base_dim: Count = setting(
            64, "channels of the first stage; each following stage has twice as many"
        )
        num_blocks: tuple[Count, ...] = setting((1, 1, 1), "residual blocks of each stage")
        num_bands: Count = setting(4, "bands of bins, each of which is averaged")
        gate: Literal["none", "cbam", "squeeze_excitation"] = setting(
            "none",
            "attention at the end of a block: none, of frames and bins, or of channels, with a"
            " quarter of them inside",
        )

    def __init__(self, config: Config, in_dim: int):
        make_stage = partial(StridedStage, activation=F.relu, make_gate=GATES[config.gate])
        super().__init__(config.base_dim, config.num_blocks, in_dim, make_stage)
        self.bands = bands_of(self.num_bins, config.num_bands)
        self.out_dim = self.last_dim * config.num_bands

    def join_bins(self, x_BCTF: torch.Tensor) -> torch.Tensor:
        """Maps -> the means of their bands (B, T, C)."""
        means = [x_BCTF[..., start:end].mean(dim=3) for start, end in self.bands]
        return torch.stack(means, dim=3).transpose(1, 2).flatten(2)


def bands_of(num_bins: int, num_bands: int) -> list[tuple[int, int]]:
    """First bin of each band and the one after its last; neighbours may share a bin.

    >>> bands_of(9, 4)
    [(0, 3), (2, 5), (4, 7), (6, 9)]
    """
    return [
        (number * num_bins // num_bands, -(-(number + 1) * num_bins // num_bands))
        for number in range(num_bands)
    ]
