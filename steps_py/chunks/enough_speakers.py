"""Whether a training list can have enough speakers for the batches of a training.

Checked from tables alone, before features are computed.  The list can lose more speakers later,
to short utterances, so `train_model` checks again.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from steps_py.chunks.samplers import SAMPLERS
from steps_py.chunks.samplers.base import DEFAULT_SAMPLER, check_speakers
from steps_py.errors import ConfigError


def check_enough_speakers(train: Mapping[str, Any], num_speakers: int) -> None:
    """Raise ConfigError if a batch needs more than `num_speakers` speakers.

    Parameters
    ----------
    train : mapping
        The keys sampler, batch_size and stages of section ``train`` of a recipe.
    num_speakers : int
        Upper bound on the speakers of the training list.

    >>> groups = {"name": "speaker_groups", "utts_per_speaker": 2}
    >>> check_enough_speakers({"batch_size": 8, "stages": [{"sampler": groups}]}, num_speakers=3)
    Traceback (most recent call last):
    steps_py.errors.ConfigError: train.stages, stage 1: sampler 'speaker_groups': a batch needs 4 \
speakers, but the training list has only 3. Lower the speakers of a batch (train.batch_size, or \
keys of train.sampler) or add speakers.
    """
    for where, section in batches_of_stages(train):
        sampler = section.get("sampler", DEFAULT_SAMPLER)
        cls, config = SAMPLERS.configure(sampler, f"{where}.sampler")
        needed = cls.speakers_needed(config, section["batch_size"])
        try:
            check_speakers(sampler["name"], needed, num_speakers)
        except ConfigError as error:
            raise ConfigError(f"{where}: {error}") from None


def batches_of_stages(train: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Where, for messages, and the keys of each stage, with those of train where it has none."""
    stages = train.get("stages", [])
    if not stages:
        yield "train", dict(train)
    for number, stage in enumerate(stages, 1):
        yield f"train.stages, stage {number}", {**train, **stage}
