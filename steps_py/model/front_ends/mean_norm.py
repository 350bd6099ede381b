"""Mean normalisation over the utterance.

Shape suffixes: B batch, T frames, D feature dimension.

Reference: S. Furui, "Cepstral analysis technique for automatic speaker verification", IEEE
Transactions on Acoustics, Speech, and Signal Processing 29(2), 1981.
"""

from dataclasses import dataclass

import torch
from torch import nn

from steps_py.model.layers.masks import mean_over_frames, zero_padding
from steps_py.model.registries import FRONT_ENDS


@FRONT_ENDS.register("mean_norm")
class MeanNorm(nn.Module):
    """Subtracts the mean of each dimension over the frames of the chunk, which are voiced.

    In extraction the chunk is the utterance.

    >>> front_end = MeanNorm(MeanNorm.Config(), in_dim=1)
    >>> front_end(torch.tensor([[[1.0], [5.0], [0.0]]]), torch.tensor([[True, True, False]]))[0]
    tensor([[[-2.],
             [ 2.],
             [ 0.]]])
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        pass

    def __init__(self, config: Config, in_dim: int):
        super().__init__()
        self.out_dim = in_dim
        self.min_frames = self.frame_stride = 1

    def forward(
        self, x_BTD: torch.Tensor, mask_BT: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        x_BDT = x_BTD.mT
        centred_BDT = x_BDT - mean_over_frames(x_BDT, mask_BT)[:, :, None]
        return zero_padding(centred_BDT, mask_BT).mT, mask_BT
