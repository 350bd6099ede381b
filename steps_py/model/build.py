"""The only place that knows how the parts of the network fit.

Shape suffixes: B batch, T frames, D feature dimension, C channels, E embedding.
"""

from dataclasses import dataclass, field

from torch import nn

from steps_py.model import encoders, poolings  # noqa: F401 - they register their classes
from steps_py.model.registries import ENCODERS, POOLINGS


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """Section ``model`` of a recipe."""

    encoder: dict = field(default_factory=lambda: {"name": "tdnn"})
    pooling: dict = field(default_factory=lambda: {"name": "stats"})
    embedding_dim: int = 512


def build_model(config, feat_dim):
    """The x-vector network of a ModelConfig for features of `feat_dim` dimensions.

    Raises ConfigError for a name or a key that does not exist.

    >>> model = build_model(ModelConfig(), feat_dim=24)
    >>> sum(p.numel() for p in model.parameters())    # "4.2 million", Snyder et al. 2018
    4204508
    """
    encoder = ENCODERS.build(config.encoder, in_dim=feat_dim)
    pooling = POOLINGS.build(config.pooling, in_dim=encoder.out_dim)
    return XvectorModel(encoder, pooling, config.embedding_dim)


class XvectorModel(nn.Module):
    """Encoder, pooling, affine.  The x-vector is the output of the affine, before any ReLU."""

    def __init__(self, encoder, pooling, embedding_dim):
        super().__init__()
        self.encoder = encoder
        self.pooling = pooling
        self.embedding = nn.Linear(pooling.out_dim, embedding_dim)
        self.embedding_dim = embedding_dim
        self.min_frames = encoder.min_frames

    def forward(self, x_BTD, mask_BT=None):
        """Features (B, T, D) -> x-vectors (B, E).

        `mask_BT` is true where a frame is real, and pads lie at the end.  Masks are for
        extraction: in training, batch norm would take the pads for data.
        """
        assert mask_BT is None or not self.training
        y_BTC, mask_BT = self.encoder(x_BTD, mask_BT)
        return self.embedding(self.pooling(y_BTC, mask_BT))
