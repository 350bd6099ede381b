"""Section ``train`` of a recipe, and its stages."""

import dataclasses
import hashlib
import json

from steps_py.errors import ConfigError, did_you_mean

# Settings that change how fast a model comes out, never which one.
FREE_SETTINGS = (
    *("device", "decode", "num_threads", "num_workers", "checkpoint_minutes"),
    *("keep_checkpoints", "precision"),
)
INPUTS = ("feats", "waveform")
CHUNK_KEYS = ("min_frames", "max_frames")


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """Section ``train`` of a recipe; the schema describes each key."""

    loss: dict
    optimizer: dict
    schedule: dict
    num_epochs: int
    batch_size: int  # chunks of a step, of all processes together
    input: str = "feats"  # "waveform": features are made on the way, of audio altered anew
    decode: str = "auto"  # where the bytes of feats.scp become features; see open_features
    spec_augment: dict | None = None  # see SpecAugmentConfig
    steps_per_epoch: int | None = None  # None: as many as read each utterance about once
    sampler: dict = dataclasses.field(default_factory=lambda: {"name": "balanced"})
    accumulate_steps: int = 1  # parts that a process computes one after another
    grad_clip: float | None = None  # largest norm of the gradient
    max_skipped_steps: int = 10  # of an epoch, as their loss or gradient is not finite
    max_rollbacks: int = 2
    average_epochs: int = 1
    freeze: dict = dataclasses.field(default_factory=dict)  # part -> epochs, None: all
    init: dict | None = None
    stages: list = ()
    num_valid_trials: int = 100_000
    precision: str = "auto"
    device: str = "auto"
    compile: bool = False
    channels_last: bool | None = None  # None: on a GPU
    sync_batch_norm: bool = False
    num_threads: int = 2  # of the arithmetic on a CPU, whatever the job has: sums round by it
    num_workers: int | None = None  # that read ahead; 0: none, None: see choose_num_workers
    checkpoint_minutes: float = 10
    keep_checkpoints: int = 2
    seed: int = 1

    def __post_init__(self):
        if self.batch_size < 2:
            raise ConfigError("train: batch_size is below 2; batch norm needs two chunks.")
        if self.input not in INPUTS:
            hint = did_you_mean(self.input, INPUTS)
            raise ConfigError(f"train: input is '{self.input}'. {hint}")
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
        if self.init is not None:
            known = ("model", "without_head", "leave_out")
            for key in self.init:
                if key not in known:
                    raise ConfigError(
                        f"train.init: unknown key '{key}'. {did_you_mean(key, known)}"
                    )
            if "model" not in self.init:
                raise ConfigError("train.init: model, the path of a final.pt, must be given.")


def split_stages(sections):
    """The sections of each stage: its own keys laid over those of train and chunks.

    Returns a list of ``(sections, new_head)``; one of them where train.stages is empty.
    """
    train, chunks = sections["train"], sections["chunks"]
    if not train.stages:
        return [(sections, False)]
    known = [field.name for field in dataclasses.fields(train) if field.name not in NOT_OF_A_STAGE]
    known += [*CHUNK_KEYS, "new_head"]
    stages = []
    for number, stage in enumerate(train.stages, 1):
        for key in stage:
            if key not in known:
                raise ConfigError(
                    f"train.stages: unknown key '{key}' in stage {number}."
                    f" {did_you_mean(key, known)}"
                )
        own = {k: v for k, v in stage.items() if k not in (*CHUNK_KEYS, "new_head")}
        lengths = {k: v for k, v in stage.items() if k in CHUNK_KEYS}
        init = train.init if number == 1 else None
        changed = {
            "train": dataclasses.replace(train, **own, stages=(), init=init),
            "chunks": dataclasses.replace(chunks, **lengths),
        }
        stages.append((sections | changed, bool(stage.get("new_head"))))
    return stages


NOT_OF_A_STAGE = (
    *(
        "stages",
        "init",
        "input",
        "decode",
        "precision",
        "device",
        "compile",
        "channels_last",
        "sync_batch_norm",
    ),
    *("num_threads", "num_workers", "checkpoint_minutes", "keep_checkpoints", "seed"),
    *("num_valid_trials",),
)


def flat_settings(sections, **others):
    """Whatever makes a training come out different, as one flat dict of plain values."""
    flat = dict(others)
    for name in ("train", "model", "cmvn", "waveform"):
        if sections.get(name) is None:
            continue
        for key, value in dataclasses.asdict(sections[name]).items():
            if name == "train" and key in FREE_SETTINGS:
                continue
            for inner, part in value.items() if isinstance(value, dict) else [(None, value)]:
                flat[".".join(filter(None, (name, key, inner)))] = part
    for key in (*CHUNK_KEYS, "vary_within_batch"):
        flat[f"chunks.{key}"] = getattr(sections["chunks"], key)
    return flat


def digest_of_settings(settings):
    """A short name of all settings of a stage, for those of the next."""
    text = json.dumps(settings, sort_keys=True, default=list)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
