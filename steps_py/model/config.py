"""Section ``model`` of a recipe."""

from dataclasses import dataclass
from typing import Annotated

from steps_py.settings.declare import Count, part, setting


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """Section ``model`` of a recipe."""

    encoder: Annotated[dict, part("encoder")] = setting(
        description="features (B, T, D) -> frames (B, T, C)"
    )
    pooling: Annotated[dict, part("pooling")] = setting(
        description="frames (B, T, C) -> one vector per utterance"
    )
    embedding_dim: Count = setting(description="dimensions of the x-vector")
    pooling_norm: bool = setting(
        False, "batch norm between pooling and embedding, as in ECAPA-TDNN"
    )
    pooling_dropout: float = setting(
        0.0, "probability of dropping a pooled value in training", minimum=0, exclusiveMaximum=1
    )
    embedding_norm: bool = setting(False, "batch norm of the embedding; its output is the x-vector")
