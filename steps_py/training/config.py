"""Section ``train`` of a recipe, and its stages."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import Field, dataclass
from typing import Annotated, Any, Literal, TypedDict

from steps_py.chunks.config import ChunksConfig, WaveformConfig
from steps_py.errors import ConfigError
from steps_py.feats.config import CmvnConfig
from steps_py.model.config import MasksConfig, ModelConfig
from steps_py.settings.build import replaced
from steps_py.settings.declare import Count, Keywords, Seed, part, plain, schema_of, setting
from steps_py.settings.defaults import without

Device = Literal["auto", "cpu", "cuda"]
LrFactor = Annotated[float, Keywords(exclusiveMinimum=0)]
Epochs = Annotated[float, Keywords(exclusiveMinimum=0)]


@dataclass(frozen=True, kw_only=True)
class InitConfig:
    """Section ``train.init``: the weights of another run, of the same section ``model``."""

    model: str = setting(description="a final.pt; relative to the recipe's folder")
    leave_out: list[str] = setting(
        [],
        "modules of the network that are initialised at random, such as embedding if"
        " embedding_dim differs",
    )
    without_head: bool = setting(
        False,
        "do not read head.pt beside it, the weights of the loss; needed for other speakers or"
        " another loss",
    )


@dataclass(frozen=True, kw_only=True)
class UnlabelledConfig:
    """Section ``train.unlabelled``: utterances whose speakers are not known, for objectives."""

    set: str = setting(description="a set of data.sets; all of its utterances are drawn")
    batch_size: int | None = setting(
        None, "unlabelled chunks per step, over all processes; null: train.batch_size", minimum=1
    )


LOGITS = "logits"  # the target of a distillation that needs the head of the teacher


@dataclass(frozen=True, kw_only=True)
class DistillationConfig:
    """Section ``train.distillation``: another run, whose network the trained one resembles."""

    teacher: str = setting(
        description="a final.pt; relative to the recipe's folder. Its head.pt is read for logits"
    )
    target: Literal["embedding_cosine", "embedding_mse", "logits"] = setting(
        "embedding_cosine",
        "what is compared: directions of x-vectors, x-vectors, or probabilities of the speakers",
    )
    weight: float = setting(1.0, "of the distance, which is added to the loss", minimum=0)
    temperature: float = setting(4.0, "divides the logits", exclusiveMinimum=0)


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """Section ``train`` of a recipe."""

    loss: Annotated[dict, part("loss")] = setting(per_stage=True)
    optimizer: Annotated[dict, part("optimizer")] = setting(
        description="weight_decay does not apply to biases and norms unless decay_all is true",
        per_stage=True,
    )
    schedule: Annotated[dict, part("schedule")] = setting(
        description="factor of the optimizer's lr; plateau and halve_and_reset_to_best depend on a"
        " metric of epochs.tsv",
        per_stage=True,
    )
    num_epochs: Count = setting(per_stage=True)
    batch_size: int = setting(
        description="chunks per step, over all processes; batch norm needs two",
        minimum=2,
        per_stage=True,
    )
    input: Literal["feats", "waveform"] = setting(
        "feats",
        "feats: features are read from feats.scp; waveform: they are computed from audio during"
        " training, see augment.online",
    )
    decode: Literal["auto", "host", "device", "resident"] = setting(
        "auto",
        "where compressed features are decoded: host: in the loader processes; device: on the"
        " training device; resident: on the training device, with the whole set kept in its memory"
        " (a quarter of the size of the features if they are compressed); auto: device on a GPU,"
        " else host",
    )
    spec_augment: MasksConfig | None = setting(
        None,
        "time and frequency masks on the training features, drawn for each chunk; their width is"
        " uniform from 0 to the limit",
        per_stage=True,
    )
    mix: Annotated[dict, part("mix")] | None = setting(
        None,
        "chunks of two speakers each, with the losses of both: mixup, cutmix",
        per_stage=True,
    )
    steps_per_epoch: int | None = setting(
        None, "null: about one chunk per utterance", minimum=1, per_stage=True
    )
    sampler: Annotated[dict, part("sampler")] = setting(
        {"name": "balanced"},
        "how the utterances of a batch are drawn: balanced, speaker_groups (metric losses),"
        " all_utts, uniform, utt_groups, domain_batches",
        per_stage=True,
    )
    accumulate_steps: Count = setting(
        1,
        "micro-batches per batch, for gradient accumulation; the gradient is that of the whole"
        " batch, except for batch norm and losses that compare utterances",
        per_stage=True,
    )
    grad_clip: float | None = setting(
        None, "largest gradient norm", exclusiveMinimum=0, per_stage=True
    )
    max_skipped_steps: int = setting(
        10,
        "steps per epoch (at most half of them) that are skipped because loss or gradient is not"
        " finite before the epoch is restarted with half the lr",
        minimum=0,
        per_stage=True,
    )
    max_rollbacks: int = setting(
        2, "restarts of epochs with half the lr before training fails", minimum=0, per_stage=True
    )
    average_epochs: Count = setting(
        1,
        "final.pt holds the mean of the weights after each of the last average_epochs epochs, with"
        " recomputed batch norm statistics",
        per_stage=True,
    )
    average: Annotated[dict, part("average")] | None = setting(
        None,
        "average of the weights during training (ema, swa), which validation and final.pt use",
        per_stage=True,
    )
    freeze: dict[str, Epochs | None] = setting(
        {},
        "module name (front_ends.0, encoder, encoder.layers.0, pooling, embedding, loss) -> number"
        " of epochs it stays frozen; null: always",
        per_stage=True,
    )
    lr_factors: dict[str, LrFactor] = setting(
        {},
        "module name, as in freeze -> factor of its learning rate; of modules within each other"
        " the innermost counts",
        per_stage=True,
    )
    init: InitConfig | None = setting(
        None, "initialise from the weights of another run with the same section model"
    )
    distillation: DistillationConfig | None = setting(
        None, "train the network to resemble another, larger one"
    )
    objectives: dict[str, Annotated[dict, part("objective", named_by_key=True)]] = setting(
        {},
        "terms that are added to the loss: a name -> the objective (by default of that name) and"
        " its keys",
        per_stage=True,
        propertyNames={"pattern": "^[A-Za-z0-9_-]+$", "expected": "use letters, digits, _ and -"},
    )
    unlabelled: UnlabelledConfig | None = setting(
        None, "utterances without speaker labels, read beside each batch, for objectives"
    )
    stages: list[dict] = setting(
        [],
        "trainings that follow each other, each initialised from the one before; keys of a stage"
        " replace those of train, and min_frames and max_frames those of chunks",
        items=lambda: stage_schema(),
    )
    num_valid_trials: Count = setting(
        100_000,
        "trials of the validation EER: all pairs of utterances, or at most this many, half of them"
        " target, drawn with seed",
    )
    precision: Literal["auto", "float32", "bf16", "fp16"] = setting(
        "auto", "auto: bf16 on a GPU, float32 on a CPU"
    )
    device: Device = setting("auto")
    compile: bool = setting(False, "torch.compile the network")
    channels_last: bool | None = setting(None, "memory layout of 2-D convolutions; null: on a GPU")
    sync_batch_norm: bool = setting(
        False, "compute batch norm statistics over the chunks of all processes, not of each one"
    )
    num_threads: Count = setting(
        2,
        "threads of arithmetic on a CPU, independent of the job's; rounding depends on it",
    )
    num_workers: int | None = setting(
        None,
        "loader processes of each training process; null: 2, and on a GPU as many as the job's"
        " threads allow, at most 8",
        minimum=0,
    )
    checkpoint_minutes: float = setting(10, "minutes between checkpoints", exclusiveMinimum=0)
    keep_checkpoints: Count = setting(2)
    seed: Seed = setting(1)

    def __post_init__(self):
        if self.batch_size % self.accumulate_steps:
            raise ConfigError(
                f"train: batch_size is {self.batch_size}, not a multiple of accumulate_steps,"
                f" {self.accumulate_steps}. Change one of them."
            )
        if self.average_epochs > self.num_epochs:
            raise ConfigError(
                f"train: average_epochs is {self.average_epochs}, more than num_epochs,"
                f" {self.num_epochs}. Lower it."
            )
        if self.average_epochs > 1 and self.average is not None:
            raise ConfigError(
                f"train: average_epochs is {self.average_epochs}, but average averages the weights"
                " as well. Remove one of them."
            )


class Sections(TypedDict, total=False):
    """The sections of a recipe that a training reads."""

    train: TrainConfig
    model: ModelConfig
    cmvn: CmvnConfig
    chunks: ChunksConfig
    waveform: WaveformConfig | None
    front_end: Any  # a FrontEnd, or None; stored in final.pt
    unlabelled: Any  # the Chunks of train.unlabelled, or None
    data_dirs: list[str]  # of the training utterances and their copies, for objectives


# Settings that affect speed, not the result.
SPEED_SETTINGS = (
    *("device", "decode", "num_threads", "num_workers", "checkpoint_minutes"),
    *("keep_checkpoints", "precision"),
)
NEW_HEAD = {
    "type": "boolean",
    "description": "initialise the weights of the loss at random; needed if they differ from those"
    " of the stage before",
}
CHUNK_KEYS = [f.name for f in dataclasses.fields(ChunksConfig) if f.metadata["per_stage"]]


def is_per_stage(field: Field) -> bool:
    """Whether a stage can set that key."""
    return field.metadata["per_stage"]


def stage_schema() -> dict:
    """The schema of one of ``train.stages``: the keys of train and chunks marked `per_stage`.

    No key is required or has a default: missing keys are those of train.
    """
    keys = {"new_head": NEW_HEAD}
    for cls in (ChunksConfig, TrainConfig):
        keys |= schema_of(cls, is_per_stage)["properties"]
    keys = {name: {k: v for k, v in key.items() if k != "default"} for name, key in keys.items()}
    return {"type": "object", "additionalProperties": False, "properties": keys}


def split_stages(sections: Sections) -> list[tuple[Sections, bool]]:
    """The sections of each stage, with its keys replacing those of train and chunks.

    Returns a list of ``(sections, new_head)``, with one element if train.stages is empty.
    Raises ConfigError, naming the stage, if its keys do not fit together.
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


def flat_settings(sections: Sections, parts: Mapping, **others: Any) -> dict[str, Any]:
    """All settings that the result of a training depends on, as one flat dict of plain values.

    Keys at their defaults are omitted, so that checkpoints stay valid when a later version adds
    a key.  `parts` are the registered classes (see `registered`); `others` are added as given.
    """
    flat = dict(others)
    for name in ("train", "model", "cmvn", "waveform"):
        if sections.get(name) is None:
            continue
        schema = schema_of(type(sections[name]))
        for key, value in without(schema, plain(sections[name]), parts).items():
            if name == "train" and key in SPEED_SETTINGS:
                continue
            for inner, item in value.items() if isinstance(value, dict) else [(None, value)]:
                flat[".".join(filter(None, (name, key, inner)))] = item
    chunks = without(schema_of(ChunksConfig), plain(sections["chunks"]))
    for key in (*CHUNK_KEYS, "vary_within_batch"):
        if key in chunks:
            flat[f"chunks.{key}"] = chunks[key]
    return flat


def digest_of_settings(settings: Mapping[str, Any]) -> str:
    """SHA-256 (12 digits) of the settings of a stage, for those of the next stage."""
    text = json.dumps(settings, sort_keys=True, default=list)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
