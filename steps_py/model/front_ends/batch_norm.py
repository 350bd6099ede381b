"""Batch norm of features.

Shape suffixes: B batch, T frames, D feature dimension.

Reference: S. Ioffe and C. Szegedy, "Batch normalization: Accelerating deep network training by
reducing internal covariate shift", ICML 2015, algorithms 1 and 2.
"""

from dataclasses import dataclass

import torch
from torch import nn

from steps_py.model.layers.norm import MaskedBatchNorm
from steps_py.model.registries import FRONT_ENDS
from steps_py.settings.declare import setting


@FRONT_ENDS.register("batch_norm")
class BatchNorm(nn.Module):
    """Each dimension is normalised over the batch in training, by running statistics afterwards.

    >>> front_end = BatchNorm(BatchNorm.Config(), in_dim=1)
    >>> front_end(torch.tensor([[[1.0], [3.0]]]), None)[0].round().flatten().tolist()
    [-1.0, 1.0]
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        affine: bool = setting(False, "learn a scale and an offset of each dimension")

    def __init__(self, config: Config, in_dim: int):
        super().__init__()
        self.norm = MaskedBatchNorm(in_dim, affine=config.affine)
        self.out_dim = in_dim
        self.min_frames = self.frame_stride = 1

    def forward(
        self, x_BTD: torch.Tensor, mask_BT: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        return self.norm(x_BTD.mT, mask_BT).mT, mask_BT
