"""Chunks that run backwards, in training only.

Shape suffixes: B batch, T frames, D feature dimension.

Reference: M. Hajibabaei and D. Dai, "Unified hypersphere embedding for speaker recognition",
arXiv:1807.08312, 2018, section 3.1: speech and its time reversal count as one speaker's.
"""

from dataclasses import dataclass

import torch
from torch import nn

from steps_py.model.registries import FRONT_ENDS
from steps_py.settings.declare import Share, setting


@FRONT_ENDS.register("time_reversal")
class TimeReversal(nn.Module):
    """Reverses the order of the frames of a chunk, drawn for each chunk like dropout.

    Padding stays at the end.

    >>> front_end = TimeReversal(TimeReversal.Config(probability=1), in_dim=1)
    >>> mask_BT = torch.tensor([[True, True, False]])
    >>> front_end(torch.tensor([[[1.0], [2.0], [0.0]]]), mask_BT)[0].flatten().tolist()
    [2.0, 1.0, 0.0]
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        probability: Share = setting(0.5, "that a chunk is reversed")

    def __init__(self, config: Config, in_dim: int):
        super().__init__()
        self.probability, self.out_dim = config.probability, in_dim
        self.min_frames = self.frame_stride = 1

    def forward(
        self, x_BTD: torch.Tensor, mask_BT: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        if not self.training:
            return x_BTD, mask_BT
        num_chunks, num_frames, num_dims = x_BTD.shape
        index_BT = torch.arange(num_frames, device=x_BTD.device).expand(num_chunks, -1)
        last_B1 = (
            index_BT[:, -1:] if mask_BT is None else mask_BT.sum(dim=1, keepdim=True, dtype=int) - 1
        )
        is_reversed_B1 = torch.rand(num_chunks, 1, device=x_BTD.device) < self.probability
        from_BT = torch.where(is_reversed_B1 & (index_BT <= last_B1), last_B1 - index_BT, index_BT)
        return x_BTD.gather(1, from_BT[:, :, None].expand(-1, -1, num_dims)), mask_BT
