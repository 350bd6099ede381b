"""Mean and standard deviation of each of several parts of the utterance.

Shape suffixes: B batch, T frames, C channels, P parts.

Reference: the windows are those of adaptive average pooling, K. He et al., "Spatial pyramid
pooling in deep convolutional networks for visual recognition", ECCV 2014, section 2.2.
"""

from dataclasses import dataclass

import torch
from torch import nn

from steps_py.model.layers.masks import zero_padding
from steps_py.model.layers.stats import mean_and_deviation
from steps_py.model.registries import POOLINGS
from steps_py.settings.declare import Count, setting


@POOLINGS.register("adaptive_std")
class AdaptiveStdPooling(nn.Module):
    r"""Mean and standard deviation of each channel over part p of P, that is over

    .. math:: \lfloor pT/P \rfloor \le t < \lceil (p+1)T/P \rceil

    where T is the utterance's own number of frames.  An utterance shorter than P has parts that
    overlap.  With one part it is `stats`.

    >>> pooling = AdaptiveStdPooling(AdaptiveStdPooling.Config(num_parts=2), in_dim=1)
    >>> pooling(torch.tensor([[[1.0], [3.0], [5.0], [9.0]]]))
    tensor([[2., 7., 1., 2.]])
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        num_parts: Count = 3
        variance_floor: float = setting(1e-10, exclusiveMinimum=0)

    def __init__(self, config: Config, in_dim: int):
        super().__init__()
        self.num_parts = config.num_parts
        self.variance_floor = config.variance_floor
        self.out_dim = 2 * config.num_parts * in_dim

    def forward(self, x_BTC: torch.Tensor, mask_BT: torch.Tensor | None = None) -> torch.Tensor:
        """Frames (B, T, C) -> (B, 2 P C): means of the parts, then deviations."""
        x_BTC = x_BTC.float()
        if mask_BT is None:
            mask_BT = torch.ones_like(x_BTC[:, :, 0], dtype=torch.bool)
        x_BTC = zero_padding(x_BTC.mT, mask_BT).mT
        number_BT = mask_BT.cumsum(dim=1) - 1  # of each frame
        num_B1 = mask_BT.sum(dim=1, keepdim=True)
        means, deviations = [], []
        for part in range(self.num_parts):
            first_B1 = part * num_B1 // self.num_parts
            end_B1 = -(-(part + 1) * num_B1 // self.num_parts)
            within_BT = mask_BT & (number_BT >= first_B1) & (number_BT < end_B1)
            weight_BT = within_BT / (end_B1 - first_B1)
            mean_BC, deviation_BC = mean_and_deviation(
                x_BTC, weight_BT.to(x_BTC.dtype)[:, :, None], self.variance_floor
            )
            means.append(mean_BC)
            deviations.append(deviation_BC)
        return torch.cat(means + deviations, dim=1)
