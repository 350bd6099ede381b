"""Section ``train`` of a recipe, and its stages."""

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from typing import Annotated, Literal

from steps_py.chunks.config import ChunksConfig
from steps_py.errors import ConfigError
from steps_py.settings.build import replaced
from steps_py.settings.declare import Count, Keywords, Seed, part, plain, schema_of, setting
from steps_py.settings.defaults import without

Device = Literal["auto", "cpu", "cuda"]
Epochs = Annotated[float, Keywords(exclusiveMinimum=0)]


@dataclass(frozen=True, kw_only=True)
class SpecAugmentConfig:
    """Section ``train.spec_augment``: masks on the features that are trained on.

    Each chunk has its own; the width of a mask is drawn from 0 to its limit.
    """

    num_time_masks: int = setting(1, minimum=0)
    max_time_frames: int = setting(10, minimum=0)
    num_freq_masks: int = setting(1, minimum=0)
    max_freq_bins: int = setting(4, "neighbouring feature dimensions", minimum=0)


@dataclass(frozen=True, kw_only=True)
class InitConfig:
    """Section ``train.init``: the weights of another run, of the same section ``model``."""

    model: str = setting(description="a final.pt; relative to the recipe's folder")
    leave_out: list[str] = setting(
        [],
        "parts of the network that start at random, such as embedding if embedding_dim differs",
    )
    without_head: bool = setting(
        False,
        "do not read head.pt beside it, the weights of the loss: for other speakers or another"
        " loss",
    )


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """Section ``train`` of a recipe."""

    loss: Annotated[dict, part("loss")] = setting(per_stage=True)
    optimizer: Annotated[dict, part("optimizer")] = setting(
        description="weight_decay leaves out biases and norms unless decay_all is true",
        per_stage=True,
    )
    schedule: Annotated[dict, part("schedule")] = setting(
        description="what the optimizer's lr is multiplied by; plateau and"
        " halve_and_reset_to_best watch a metric of epochs.tsv",
        per_stage=True,
    )
    num_epochs: Count = setting(per_stage=True)
    batch_size: int = setting(
        description="chunks of a step, of all processes together; batch norm needs two",
        minimum=2,
        per_stage=True,
    )
    input: Literal["feats", "waveform"] = setting(
        "feats",
        "feats: chunks are read from feats.scp; waveform: computed from the audio during training,"
        " see augment.online",
    )
    decode: Literal["auto", "host", "device", "resident"] = setting(
        "auto",
        "where compressed features are decoded: host: in the processes that read; device: on the"
        " device that trains; resident: there too, with the whole set kept in its memory, a"
        " quarter of the features' size where they are compressed; auto: device on a GPU, else"
        " host",
    )
    spec_augment: SpecAugmentConfig | None = setting(
        None,
        "masks on the features that are trained on, new for each chunk; a width is drawn from 0"
        " to its limit",
        per_stage=True,
    )
    steps_per_epoch: int | None = setting(
        None, "null: as many as read every utterance about once", minimum=1, per_stage=True
    )
    sampler: Annotated[dict, part("sampler")] = setting(
        {"name": "balanced"},
        "which utterances make up a batch: balanced, speaker_groups (metric losses), all_utts,"
        " uniform",
        per_stage=True,
    )
    accumulate_steps: Count = setting(
        1,
        "parts of a batch that are computed one after another; the gradient is that of the whole"
        " batch, except for batch norm and losses that compare utterances",
        per_stage=True,
    )
    grad_clip: float | None = setting(
        None, "largest gradient norm", exclusiveMinimum=0, per_stage=True
    )
    max_skipped_steps: int = setting(
        10,
        "steps of an epoch that may be skipped because their loss or gradient is not finite, at"
        " most half of it; one more, and the epoch starts again with half the lr",
        minimum=0,
        per_stage=True,
    )
    max_rollbacks: int = setting(
        2, "how often that may happen before training stops", minimum=0, per_stage=True
    )
    average_epochs: Count = setting(
        1,
        "final.pt is the mean of the weights after this many last epochs, with the statistics of"
        " batch norm measured again",
        per_stage=True,
    )
    freeze: dict[str, Epochs | None] = setting(
        {},
        "module of the network (encoder, encoder.layers.0, pooling, embedding, loss) -> epochs"
        " for which it stays frozen; null: always",
        per_stage=True,
    )
    init: InitConfig | None = setting(
        None, "start from the weights of another run, of the same section model"
    )
    stages: list[dict] = setting(
        [],
        "trainings one after another, each from the weights of the one before; keys of a stage"
        " replace those of train, and min_frames and max_frames those of chunks",
        items=lambda: stage_schema(),
    )
    num_valid_trials: Count = setting(
        100_000,
        "of the validation EER: all pairs of utterances, or this many drawn by seed, half of them"
        " target",
    )
    precision: Literal["auto", "float32", "bf16", "fp16"] = setting(
        "auto", "auto: bf16 on a GPU, float32 on a CPU"
    )
    device: Device = setting("auto")
    compile: bool = setting(False, "torch.compile the network")
    channels_last: bool | None = setting(None, "memory layout of 2-D convolutions; null: on a GPU")
    sync_batch_norm: bool = setting(
        False, "statistics over the chunks of all processes, not over each process's own"
    )
    num_threads: Count = setting(
        2, "of the arithmetic on a CPU, whatever the job has: sums are rounded by it"
    )
    num_workers: int | None = setting(
        None,
        "processes of each training process that read batches ahead; null: 2, and on a GPU as"
        " many as the job's threads allow, at most 8",
        minimum=0,
    )
    checkpoint_minutes: float = setting(10, "minutes between checkpoints", exclusiveMinimum=0)
    keep_checkpoints: Count = setting(2)
    seed: Seed = setting(1)

    def __post_init__(self):
        if self.batch_size % self.accumulate_steps:
            raise ConfigError(
                f"train: batch_size, {self.batch_size}, is no multiple of accumulate_steps,"
                f" {self.accumulate_steps}. Change one of them."
            )
        if self.average_epochs > self.num_epochs:
            raise ConfigError(
                f"train: average_epochs is {self.average_epochs}, more than num_epochs,"
                f" {self.num_epochs}. Lower it."
            )


# Settings that change how fast a model comes out, never which one.
FREE_SETTINGS = (
    *("device", "decode", "num_threads", "num_workers", "checkpoint_minutes"),
    *("keep_checkpoints", "precision"),
)
NEW_HEAD = {
    "type": "boolean",
    "description": "drop the head of the stage before: needed where the loss's weights differ",
}
CHUNK_KEYS = [f.name for f in dataclasses.fields(ChunksConfig) if f.metadata["per_stage"]]


def may_change(field):
    """Whether a stage may set that key."""
    return field.metadata["per_stage"]


def stage_schema():
    """The schema of one of ``train.stages``: the keys of train and chunks marked `per_stage`.

    None is required, and none has a default: what a stage leaves out is train's.
    """
    keys = {"new_head": NEW_HEAD}
    for cls in (ChunksConfig, TrainConfig):
        keys |= schema_of(cls, may_change)["properties"]
    keys = {name: {k: v for k, v in key.items() if k != "default"} for name, key in keys.items()}
    return {"type": "object", "additionalProperties": False, "properties": keys}


def split_stages(sections):
    """The sections of each stage: its own keys laid over those of train and chunks.

    Returns a list of ``(sections, new_head)``; one of them where train.stages is empty.
    A ConfigError names the stage whose keys do not fit together.
    """
    train, chunks = sections["train"], sections["chunks"]
    if not train.stages:
        return [(sections, False)]
    stages = []
    for number, stage in enumerate(train.stages, 1):
        own = {k: v for k, v in stage.items() if k not in (*CHUNK_KEYS, "new_head")}
        lengths = {k: v for k, v in stage.items() if k in CHUNK_KEYS}
        init = plain(train.init) if number == 1 else None
        try:
            changed = {
                "train": replaced(train, "train", **own, stages=[], init=init),
                "chunks": replaced(chunks, "chunks", **lengths),
            }
        except ConfigError as error:
            raise ConfigError(f"train.stages: stage {number}: {error}") from None
        stages.append((sections | changed, bool(stage.get("new_head"))))
    return stages


def flat_settings(sections, parts, **others):
    """Whatever makes a training come out different, as one flat dict of plain values.

    Keys that have their defaults are left out, so that a key that a later version adds does not
    make a checkpoint one of another training.  `parts` are the registered classes, with theirs.
    """
    flat = dict(others)
    for name in ("train", "model", "cmvn", "waveform"):
        if sections.get(name) is None:
            continue
        schema = schema_of(type(sections[name]))
        for key, value in without(schema, plain(sections[name]), parts).items():
            if name == "train" and key in FREE_SETTINGS:
                continue
            for inner, item in value.items() if isinstance(value, dict) else [(None, value)]:
                flat[".".join(filter(None, (name, key, inner)))] = item
    chunks = without(schema_of(ChunksConfig), plain(sections["chunks"]))
    for key in (*CHUNK_KEYS, "vary_within_batch"):
        if key in chunks:
            flat[f"chunks.{key}"] = chunks[key]
    return flat


def digest_of_settings(settings):
    """A short name of all settings of a stage, for those of the next."""
    text = json.dumps(settings, sort_keys=True, default=list)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
