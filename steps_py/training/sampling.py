"""The sampler of a training, and whether the training list has enough speakers for it."""

from pathlib import Path

from steps_py.chunks.allocation import Chunks
from steps_py.chunks.sampler import ChunkSampler
from steps_py.chunks.samplers import SAMPLERS
from steps_py.errors import ConfigError
from steps_py.training.config import Sections, split_stages
from steps_py.training.labels import Labels, read_labels


def build_sampler(sections: Sections, train: Chunks) -> ChunkSampler:
    """The sampler of the sections ``train`` and ``chunks`` over the rows of `train`."""
    config, chunks = sections["train"], sections["chunks"]
    labels = labels_of_sampler(sections, train)
    return ChunkSampler(
        train.spk_id_U,
        train.num_frames_U,
        min_frames=chunks.min_frames,
        max_frames=chunks.max_frames,
        batch_size=config.batch_size,
        seed=config.seed,
        strategy=config.sampler,
        labels=labels and (labels.names, labels.id_U),
        vary_within_batch=chunks.vary_within_batch,
        wrap_around=chunks.wrap_around,
    )


def labels_of_sampler(sections: Sections, train: Chunks) -> Labels | None:
    """The labels of the rows of `train` that the sampler needs; None if it needs none."""
    cls, config = SAMPLERS.configure(sections["train"].sampler)
    if not cls.needs_labels:
        return None
    folders = list(map(Path, sections.get("data_dirs") or ()))
    return read_labels(config.labels, train, folders, "train.sampler")


def digest_of_sampler(sections: Sections, train: Chunks) -> dict[str, str]:
    """``{"sampler_labels": digest of the labels}``; empty if the sampler needs none."""
    labels = labels_of_sampler(sections, train)
    return {"sampler_labels": labels.digest} if labels else {}


def check_samplers(sections: Sections, train: Chunks) -> None:
    """Raise ConfigError if a stage's batches need more speakers than `train` has."""
    for number, (stage, _) in enumerate(split_stages(sections), 1):
        try:
            build_sampler(stage, train)
        except ConfigError as error:
            where = f"train.stages, stage {number}" if sections["train"].stages else "train"
            raise ConfigError(f"{where}: {error}") from None
