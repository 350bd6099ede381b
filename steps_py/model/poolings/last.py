"""The last frame of an utterance.

Shape suffixes: B batch, T frames, C channels.

Reference: L. Wan et al., "Generalized end-to-end loss for speaker verification", ICASSP 2018,
section 3.
"""

from dataclasses import dataclass

import torch
from torch import nn

from steps_py.model.registries import POOLINGS


@POOLINGS.register("last")
class LastPooling(nn.Module):
    """The last real frame: what an LSTM has come to at the end of the utterance.

    >>> LastPooling(LastPooling.Config(), in_dim=1)(torch.tensor([[[1.0], [2.0]]]))
    tensor([[2.]])
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        pass

    def __init__(self, config: Config, in_dim: int):
        super().__init__()
        self.out_dim = in_dim

    def forward(self, x_BTC: torch.Tensor, mask_BT: torch.Tensor | None = None) -> torch.Tensor:
        """Frames (B, T, C) -> (B, C), in float32."""
        if mask_BT is None:
            return x_BTC[:, -1].float()
        last_B = mask_BT.sum(dim=1) - 1
        return x_BTC[torch.arange(len(x_BTC), device=x_BTC.device), last_B].float()
