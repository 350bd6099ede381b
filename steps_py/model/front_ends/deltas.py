"""Time derivatives beside the features.

Shape suffixes: B batch, T frames, D feature dimension.

Reference: D. Povey et al., "The Kaldi speech recognition toolkit", ASRU 2011; its add-deltas
(src/feat/feature-functions.cc) does the same to archives.
"""

from dataclasses import dataclass

import torch
from torch import nn

from steps_py.feats.deltas import DeltaConfig, delta_filters
from steps_py.model.layers.masks import zero_padding
from steps_py.model.registries import FRONT_ENDS
from steps_py.settings.declare import Count, setting


@FRONT_ENDS.register("deltas")
class Deltas(nn.Module):
    """Features, their first derivatives, their second ..., one block after the other.

    Beyond the ends of an utterance the first and the last frame are repeated.

    >>> front_end = Deltas(Deltas.Config(order=1), in_dim=1)
    >>> front_end(torch.arange(5.0).view(1, 5, 1), None)[0][0, 2]
    tensor([2., 1.])
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        order: Count = setting(2, "derivatives")
        window_frames: Count = setting(2, "frames on each side that enter a derivative")

    def __init__(self, config: Config, in_dim: int):
        super().__init__()
        config = DeltaConfig(order=config.order, window_frames=config.window_frames)
        self.filters = [weights.tolist() for weights in delta_filters(config)]
        self.reach = len(self.filters[-1]) // 2
        self.out_dim = len(self.filters) * in_dim
        self.min_frames = self.frame_stride = 1

    def forward(
        self, x_BTD: torch.Tensor, mask_BT: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        num_frames, padded_BTD = x_BTD.shape[1], repeat_ends(x_BTD, mask_BT, self.reach)
        blocks = []
        for weights in self.filters:
            first = self.reach - len(weights) // 2
            frames = (
                padded_BTD[:, first + i : first + i + num_frames] for i in range(len(weights))
            )
            blocks.append(sum(w * x for w, x in zip(weights, frames, strict=True)))
        return zero_padding(torch.cat(blocks, dim=2).mT, mask_BT).mT, mask_BT


def repeat_ends(x_BTD: torch.Tensor, mask_BT: torch.Tensor | None, num_frames: int) -> torch.Tensor:
    """Frames with copies of the first one before, and of the last real one in place of padding.

    `num_frames` are added at the beginning and at the end.

    >>> x_BTD = torch.tensor([[[1.0], [2.0], [0.0]]])
    >>> repeat_ends(x_BTD, torch.tensor([[True, True, False]]), 1).flatten().tolist()
    [1.0, 1.0, 2.0, 2.0, 2.0]
    """
    size = x_BTD.shape[1]
    index_T = torch.arange(-num_frames, size + num_frames, device=x_BTD.device).clamp(min=0)
    if mask_BT is None:
        return x_BTD[:, index_T.clamp(max=size - 1)]
    last_B1 = mask_BT.sum(dim=1, keepdim=True).clamp(min=1) - 1
    index_BT1 = index_T.minimum(last_B1)[:, :, None]
    return x_BTD.gather(1, index_BT1.expand(-1, -1, x_BTD.shape[2]))
