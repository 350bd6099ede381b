"""Section ``model`` of a recipe."""

from dataclasses import dataclass
from typing import Annotated

from steps_py.settings.declare import Count, Named, named, part, setting


@dataclass(frozen=True, kw_only=True)
class MasksConfig:
    """Numbers and widths of random masks, of ``train.spec_augment`` and of front-ends.

    Masks are drawn per chunk; their width is uniform from 0 to the limit.
    """

    num_time_masks: int = setting(1, minimum=0)
    max_time_frames: int = setting(10, minimum=0)
    num_freq_masks: int = setting(1, minimum=0)
    max_freq_bins: int = setting(4, "neighbouring feature dimensions", minimum=0)


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """Section ``model`` of a recipe."""

    front_ends: list[Annotated[Named, named("front-end")]] = setting(
        [],
        "features (B, T, D) -> other features, before the encoder; each is a name or"
        " {name: {options}}",
    )
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
    inner_dim: int | None = setting(
        None,
        "dimensions of an inner embedding: an affine between pooling and embedding, which reads it"
        " through ReLU and batch norm; null: none",
        minimum=1,
    )
