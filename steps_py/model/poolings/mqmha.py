"""Multi-query multi-head attention pooling.

Shape suffixes: B batch, T frames, C channels, Q queries.

Reference: M. Zhao et al., "Multi-query multi-head attention pooling and inter-topK penalty for
speaker verification", ICASSP 2022, section 2.
"""

from dataclasses import dataclass

import torch
from torch import nn

from steps_py.model.poolings.multi_head import MultiHeadPooling
from steps_py.model.registries import POOLINGS
from steps_py.settings.declare import Count, setting


@POOLINGS.register("mqmha")
class MqmhaPooling(nn.Module):
    """Several multi-head poolings of the same frames, one after the other.

    With one query it is `multi_head`, with one query and one head attentive statistics without
    global context.

    >>> pooling = MqmhaPooling(MqmhaPooling.Config(num_heads=2), in_dim=6)
    >>> pooling(torch.zeros(4, 7, 6)).shape
    torch.Size([4, 24])
    """

    @dataclass(frozen=True, kw_only=True)
    class Config(MultiHeadPooling.Config):
        num_queries: Count = 2
        num_heads: Count = 8
        shared: bool = setting(False, "all channels of a head have the same weights")

    def __init__(self, config: Config, in_dim: int):
        super().__init__()
        queries = [MultiHeadPooling(config, in_dim) for _ in range(config.num_queries)]
        self.queries = nn.ModuleList(queries)
        self.out_dim = sum(query.out_dim for query in queries)

    def forward(self, x_BTC: torch.Tensor, mask_BT: torch.Tensor | None = None) -> torch.Tensor:
        """Frames (B, T, C) -> (B, 2 Q C), without deviations (B, Q C)."""
        return torch.cat([query(x_BTC, mask_BT) for query in self.queries], dim=1)
