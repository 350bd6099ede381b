"""Sections ``feats``, ``vad`` and ``cmvn`` of a recipe."""

from dataclasses import dataclass
from typing import Annotated

from steps_py.settings.declare import Count, Keywords, setting


@dataclass(frozen=True, kw_only=True)
class FeatsConfig:
    """Section ``feats`` of a recipe."""

    type: Annotated[str, Keywords(registered="feature")] = setting(
        description="type of the features: mfcc, fbank, spectrogram"
    )
    conf: str = setting(description="options of compute-<type>-feats, a file of the recipe")
    num_jobs: Count = setting(4, "parts that are computed in parallel")
    compress: bool = setting(True, "one byte per value")


@dataclass(frozen=True, kw_only=True)
class VadConfig:
    """Section ``vad`` of a recipe."""

    conf: str = setting(description="options of compute-vad, a file of the recipe")


@dataclass(frozen=True, kw_only=True)
class CmvnConfig:
    """Section ``cmvn`` of a recipe: sliding normalisation, the window centred."""

    window_frames: Count = setting(300)
    norm_vars: bool = setting(False, "normalise variances as well as means")
    within_chunks: bool = setting(
        False,
        "in training, windows do not reach beyond the chunk, and no more than the chunk is read;"
        " in extraction they always reach over the whole utterance",
    )
