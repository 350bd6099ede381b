"""A network that classifies frames, of the encoders and front-ends of the zoo.

Shape suffixes: B windows, T frames, D feature dimension, C channels, K classes.
"""

from typing import Any

import torch
from torch import nn

from steps_py.model.front_end_chain import FrontEndChain
from steps_py.model.layers.norm import MaskedBatchNorm
from steps_py.model.registries import ENCODERS
from steps_py.segmentation.config import FrameModelConfig


class FrameModel(nn.Module):
    """Front-ends, normalisation of each dimension, encoder, and an affine for each frame.

    Of an encoder with fewer frames than its input, the nearest frame counts.

    >>> config = FrameModelConfig(encoder={"name": "tdnn", "hidden_dim": 8, "out_dim": 12})
    >>> FrameModel(config, feat_dim=20, num_classes=3)(torch.zeros(2, 50, 20)).shape
    torch.Size([2, 50, 3])
    """

    inner_dim = None

    def __init__(self, config: FrameModelConfig, feat_dim: int, num_classes: int):
        super().__init__()
        self.front_ends = FrontEndChain(config.front_ends, in_dim=feat_dim)
        self.norm = MaskedBatchNorm(self.front_ends.out_dim, affine=False)
        self.encoder = ENCODERS.build(config.encoder, in_dim=self.front_ends.out_dim)
        self.affine = nn.Linear(self.encoder.out_dim, num_classes)
        self.embedding_dim = num_classes
        self.min_frames = self.front_ends.frames_needed(self.encoder.min_frames)

    def forward(self, x_BTD: torch.Tensor) -> torch.Tensor:
        """Features (B, T, D), at least `min_frames` frames -> logits (B, T, K)."""
        num_frames = x_BTD.shape[1]
        x_BTD, _ = self.front_ends(x_BTD, None)
        x_BTD = self.norm(x_BTD.mT).mT
        y_BTC, _ = self.encoder(x_BTD, None)
        index_T = nearest(num_frames, y_BTC.shape[1], self.min_frames).to(y_BTC.device)
        return self.affine(y_BTC)[:, index_T]

    def embeddings(self, *arguments: Any) -> None:
        """There are none: no objective can be added to a training of frames."""
        raise NotImplementedError


def nearest(num_frames: int, num_outputs: int, min_frames: int) -> torch.Tensor:
    """The output whose middle is nearest to each frame.

    >>> nearest(8, 6, 3).tolist(), nearest(7, 3, 3).tolist()
    ([0, 0, 1, 2, 3, 4, 5, 5], [0, 0, 0, 1, 1, 2, 2])
    """
    stride = max(1, (num_frames - min_frames) // max(1, num_outputs - 1))
    place_T = torch.arange(num_frames) - (min_frames - 1) // 2
    index_T = torch.div(2 * place_T + stride - 1, 2 * stride, rounding_mode="floor")
    return index_T.clamp(0, num_outputs - 1)
