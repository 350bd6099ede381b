"""Section ``chunks`` of a recipe."""

from dataclasses import dataclass, field
from typing import Literal

from steps_py.augment.config import OnlineConfig
from steps_py.errors import ConfigError
from steps_py.settings.declare import Count, Seed, setting


@dataclass(frozen=True, kw_only=True)
class ChunksConfig:
    """Section ``chunks`` of a recipe.  All frames are voiced frames."""

    min_frames: Count = setting(
        description="minimum chunk length; the length is drawn for each batch", per_stage=True
    )
    max_frames: Count = setting(description="maximum chunk length", per_stage=True)
    min_utt_frames: Count = setting(1, "utterances with fewer voiced frames are dropped")
    short_utts: Literal["drop", "tile"] = setting(
        "drop", "utterances shorter than max_frames are dropped, or repeated up to the chunk length"
    )
    wrap_around: bool = setting(
        False,
        "a chunk can begin at every frame of an utterance and goes on at its start; false: only"
        " chunks of utterances that are shorter than they are",
    )
    min_utts_per_speaker: Count = setting(1, "speakers with fewer utterances are dropped")
    vary_within_batch: bool = setting(
        False, "draw the length of each chunk, padded and masked; false: one length per batch"
    )
    num_valid_utts: int = setting(
        100,
        "utterances of training speakers held out, with their copies, for validation loss and"
        " accuracy",
        minimum=0,
    )
    num_valid_speakers: int = setting(
        0, "speakers held out, with all their utterances, for the validation EER", minimum=0
    )
    seed: Seed = setting(1)

    def __post_init__(self):
        if not 1 <= self.min_frames <= self.max_frames:
            raise ConfigError(
                f"'chunks.min_frames' is {self.min_frames}, more than 'chunks.max_frames',"
                f" {self.max_frames}."
            )

    @property
    def needed_frames(self) -> int:
        """Minimum number of voiced frames of an utterance."""
        return max(self.min_utt_frames, self.max_frames if self.short_utts == "drop" else 1)


@dataclass(frozen=True, kw_only=True)
class WaveformConfig:
    """Options of training from audio, from other sections of a recipe.

    `type` and `conf` are keys of ``feats``, `copies` and `online` of ``augment``; `parts` maps
    the names of corpus parts to their directories.
    """

    type: str
    conf: str
    copies: dict = field(default_factory=dict)
    online: OnlineConfig = field(default_factory=OnlineConfig)
    parts: dict = field(default_factory=dict)
