"""Assembles the network from front-ends, encoder, pooling and embedding.

Shape suffixes: B batch, T frames, D feature dimension, C channels, P pooled, E embedding.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import nn

from steps_py.model.config import ModelConfig
from steps_py.model.front_end_chain import FrontEndChain
from steps_py.model.layers.masks import frame_mask, is_full, zero_padding
from steps_py.model.layers.norm import MaskedBatchNorm
from steps_py.model.registries import ENCODERS, POOLINGS


def build_model(config: ModelConfig, feat_dim: int) -> "XvectorModel":
    """The x-vector network of a ModelConfig for features of `feat_dim` dimensions.

    Raises ConfigError for an unknown name or key.

    >>> config = ModelConfig(
    ...     encoder={"name": "tdnn"}, pooling={"name": "stats"}, embedding_dim=512
    ... )
    >>> model = build_model(config, feat_dim=24)
    >>> sum(p.numel() for p in model.parameters())    # "4.2 million", Snyder et al. 2018
    4204508
    """
    front_ends = FrontEndChain(config.front_ends, in_dim=feat_dim)
    encoder = ENCODERS.build(config.encoder, in_dim=front_ends.out_dim)
    pooling = POOLINGS.build(config.pooling, in_dim=encoder.out_dim)
    return XvectorModel(front_ends, encoder, pooling, config)


class Embeddings(NamedTuple):
    """The outputs of the affine layers after pooling; `inner` is None if there is only one."""

    outer_BE: torch.Tensor
    inner_BE: torch.Tensor | None


class XvectorModel(nn.Module):
    """Front-ends, encoder, pooling, affine.

    The x-vector is the output of the affine, before any ReLU.  With ``inner_dim`` there are two
    affines, as in Kaldi's x-vector network: the inner embedding is the output of the first, the
    outer one that of the second.
    """

    def __init__(
        self,
        front_ends: FrontEndChain,
        encoder: nn.Module,
        pooling: nn.Module,
        config: ModelConfig,
    ):
        super().__init__()
        self.front_ends = front_ends
        self.encoder = encoder
        self.pooling = pooling
        self.pooling_norm = norm_if(config.pooling_norm, pooling.out_dim)
        self.pooling_dropout = config.pooling_dropout
        self.inner_embedding, pooled_dim = None, pooling.out_dim
        if config.inner_dim is not None:
            self.inner_embedding = nn.Linear(pooled_dim, config.inner_dim)
            self.inner_norm = MaskedBatchNorm(config.inner_dim)
            pooled_dim = config.inner_dim
        self.embedding = nn.Linear(pooled_dim, config.embedding_dim)
        self.embedding_norm = norm_if(config.embedding_norm, config.embedding_dim)
        self.embedding_dim, self.inner_dim = config.embedding_dim, config.inner_dim
        self.min_frames = front_ends.frames_needed(encoder.min_frames)

    def forward(
        self, x_BTD: torch.Tensor, num_frames_B: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Features (B, T, D) -> x-vectors (B, E).

        Frames after the first `num_frames_B` of an utterance are padding.  Their values affect
        neither x-vectors nor, in training, the statistics of batch norm.
        """
        return self.embeddings(x_BTD, num_frames_B).outer_BE

    def embeddings(
        self, x_BTD: torch.Tensor, num_frames_B: torch.Tensor | None = None
    ) -> Embeddings:
        """All embeddings; the outer one is the x-vector."""
        mask_BT = None
        if num_frames_B is not None and not is_full(num_frames_B, x_BTD.shape[1]):
            mask_BT = frame_mask(num_frames_B, x_BTD.shape[1])
            x_BTD = zero_padding(x_BTD.mT, mask_BT).mT
        x_BTD, mask_BT = self.front_ends(x_BTD, mask_BT)
        y_BTC, mask_BT = self.encoder(x_BTD, mask_BT)
        pooled_BP = self.pooling_norm(self.pooling(y_BTC, mask_BT))
        pooled_BP = F.dropout(pooled_BP, self.pooling_dropout, self.training)
        inner_BE = None
        if self.inner_embedding is not None:
            inner_BE = self.inner_embedding(pooled_BP)
            pooled_BP = self.inner_norm(F.relu(inner_BE))
        return Embeddings(self.embedding_norm(self.embedding(pooled_BP)), inner_BE)

    def merge_branches(self) -> "XvectorModel":
        """Give the encoder its form for extraction, if it has one; eval mode gives the same."""
        if hasattr(self.encoder, "merge_branches"):
            self.encoder.merge_branches()
        return self


def norm_if(enabled: bool, dim: int) -> nn.Module:
    """Batch norm of vectors, or the identity."""
    return MaskedBatchNorm(dim) if enabled else nn.Identity()
