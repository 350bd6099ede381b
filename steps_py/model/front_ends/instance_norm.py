"""Normalisation of mean and variance over the utterance.

Shape suffixes: B batch, T frames, D feature dimension.

References: D. Ulyanov et al., "Instance normalization: The missing ingredient for fast
stylization", arXiv:1607.08022, 2016; for speaker features, J. S. Chung et al., "In defence of
metric learning for speaker recognition", Interspeech 2020, section 4.
"""

from dataclasses import dataclass

import torch
from torch import nn

from steps_py.model.layers.masks import mean_over_frames, zero_padding
from steps_py.model.registries import FRONT_ENDS
from steps_py.settings.declare import setting


@FRONT_ENDS.register("instance_norm")
class InstanceNorm(nn.Module):
    """(x - mean) / std of each dimension over the frames of the chunk, which are voiced.

    In extraction the chunk is the utterance.

    >>> front_end = InstanceNorm(InstanceNorm.Config(), in_dim=1)
    >>> front_end(torch.tensor([[[1.0], [5.0]]]), None)[0].round(decimals=4).flatten().tolist()
    [-1.0, 1.0]
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        affine: bool = setting(False, "learn a scale and an offset of each dimension")
        variance_floor: float = setting(1e-5, "added to the variance", exclusiveMinimum=0)

    def __init__(self, config: Config, in_dim: int):
        super().__init__()
        self.variance_floor = config.variance_floor
        self.scale_D = nn.Parameter(torch.ones(in_dim)) if config.affine else None
        self.offset_D = nn.Parameter(torch.zeros(in_dim)) if config.affine else None
        self.out_dim = in_dim
        self.min_frames = self.frame_stride = 1

    def forward(
        self, x_BTD: torch.Tensor, mask_BT: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        x_BDT = x_BTD.mT
        centred_BDT = x_BDT - mean_over_frames(x_BDT, mask_BT)[:, :, None]
        variance_BD = mean_over_frames(centred_BDT.square(), mask_BT)
        y_BDT = centred_BDT * (variance_BD + self.variance_floor).rsqrt()[:, :, None]
        if self.scale_D is not None:
            y_BDT = y_BDT * self.scale_D[:, None] + self.offset_D[:, None]
        return zero_padding(y_BDT, mask_BT).mT, mask_BT
