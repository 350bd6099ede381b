"""Sections ``feats``, ``vad`` and ``cmvn`` of a recipe."""

from dataclasses import dataclass
from typing import Annotated

from steps_py.errors import ConfigError
from steps_py.settings.declare import Count, Keywords, Named, named, setting


@dataclass(frozen=True, kw_only=True)
class FeatsConfig:
    """Section ``feats`` of a recipe."""

    type: Annotated[str, Keywords(registered="feature")] = setting(
        description="type of the features: mfcc, fbank, spectrogram, waveform"
    )
    conf: str = setting(description="options of compute-<type>-feats, a file of the recipe")
    signal_steps: list[Annotated[Named, named("signal step")]] = setting(
        [],
        "what changes recordings before their features, in this order; each is a name or"
        " {name: {options}}",
    )
    num_jobs: Count = setting(4, "parts that are computed in parallel")
    compress: bool = setting(True, "one byte per value")


@dataclass(frozen=True, kw_only=True)
class VadConfig:
    """Section ``vad`` of a recipe."""

    conf: str = setting(description="options of compute-vad, a file of the recipe")


@dataclass(frozen=True, kw_only=True)
class CmvnConfig:
    """Section ``cmvn`` of a recipe: sliding normalisation, the window centred."""

    window_frames: int = setting(300, "0: features are not normalised", minimum=0)
    norm_vars: bool = setting(False, "normalise variances as well as means")
    within_chunks: bool = setting(
        False,
        "in training, windows do not reach beyond the chunk, and no more than the chunk is read;"
        " in extraction they always reach over the whole utterance",
    )

    def __post_init__(self):
        if self.norm_vars and not self.window_frames:
            raise ConfigError(
                "cmvn: norm_vars is true, but window_frames is 0: there is no window. Change one"
                " of them."
            )
