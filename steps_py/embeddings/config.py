"""Section ``xvectors`` of a recipe."""

from dataclasses import dataclass
from typing import Literal

from steps_py.errors import ConfigError
from steps_py.settings.declare import Count, setting


@dataclass(frozen=True, kw_only=True)
class XvectorsConfig:
    """Section ``xvectors`` of a recipe.  Frames are voiced frames."""

    min_chunk_frames: Count = setting(25, "shortest utterance, voiced frames")
    max_chunk_frames: Count = setting(
        10000, "longer utterances: mean over chunks, weighted by length"
    )
    short_utts: Literal["error", "pad"] = setting(
        "error", "utterances below min_chunk_frames; pad repeats the edge frames"
    )
    batch_frames: int | None = setting(
        None,
        "frames of a batch, padding included; null: one utterance on a CPU, 100000 on a GPU",
        minimum=1,
    )
    device: Literal["auto", "cpu", "cuda"] = setting("auto")
    num_threads: Count = setting(
        1, "of the arithmetic on a CPU, independent of the job's threads: rounding depends on it"
    )
    num_jobs: Count = setting(4, "parts that are extracted in parallel")

    def __post_init__(self):
        if not 1 <= self.min_chunk_frames <= self.max_chunk_frames:
            raise ConfigError(
                f"'xvectors.min_chunk_frames' is {self.min_chunk_frames}, more than"
                f" 'xvectors.max_chunk_frames', {self.max_chunk_frames}."
            )
