"""Statistics pooling: from frames to one vector per utterance.

Shape suffixes: B batch, T frames, C channels.

Reference: D. Snyder et al., "Deep neural network embeddings for text-independent speaker
verification", Interspeech 2017, section 3.2.
"""

from dataclasses import dataclass

import torch
from torch import nn

from steps_py.model.layers.masks import zero_padding
from steps_py.model.registries import POOLINGS
from steps_py.settings.declare import setting


@POOLINGS.register("stats")
class StatsPooling(nn.Module):
    r"""Mean and standard deviation of each channel over the real frames.

    .. math:: \mu_c = \tfrac1T \sum_t x_{tc} \qquad
              \sigma_c = \sqrt{\max\bigl(\tfrac1T \sum_t (x_{tc} - \mu_c)^2, v\bigr)}

    with v = `variance_floor`, so that a single frame has a finite gradient.  Computed in
    float32 for any precision of the network.

    >>> pooling = StatsPooling(StatsPooling.Config(), in_dim=1)
    >>> pooling(torch.tensor([[[1.0], [3.0], [100.0]]]), torch.tensor([[True, True, False]]))
    tensor([[2., 1.]])
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        variance_floor: float = setting(
            1e-10, exclusiveMinimum=0
        )  # Kaldi's StatisticsPoolingComponent
        with_mean: bool = setting(True, "false: the vector has standard deviations only")

    def __init__(self, config: Config, in_dim: int):
        super().__init__()
        self.variance_floor = config.variance_floor
        self.with_mean = config.with_mean
        self.out_dim = 2 * in_dim if config.with_mean else in_dim

    def forward(self, x_BTC: torch.Tensor, mask_BT: torch.Tensor | None = None) -> torch.Tensor:
        """Frames (B, T, C) -> (B, 2C): means, then standard deviations."""
        x_BTC = x_BTC.float()
        if mask_BT is None:
            mean_B1C = x_BTC.mean(dim=1, keepdim=True)
            var_BC = (x_BTC - mean_B1C).square().mean(dim=1)
        else:
            num_B1 = mask_BT.sum(dim=1, keepdim=True)
            mean_B1C = (zero_padding(x_BTC.mT, mask_BT).sum(dim=2) / num_B1)[:, None]
            centred_BCT = zero_padding((x_BTC - mean_B1C).mT, mask_BT)
            var_BC = centred_BCT.square().sum(dim=2) / num_B1
        std_BC = var_BC.clamp(min=self.variance_floor).sqrt()
        return torch.cat([mean_B1C[:, 0], std_BC], dim=1) if self.with_mean else std_BC
