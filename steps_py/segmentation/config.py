"""Section ``segmentation`` of a recipe: networks that say who speaks in each frame."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from steps_py.data.config import SET_NAME
from steps_py.errors import ConfigError
from steps_py.model.config import MasksConfig
from steps_py.settings.declare import Count, Keywords, Named, Seed, named, part, setting
from steps_py.training.config import Device


@dataclass(frozen=True, kw_only=True)
class FrameModelConfig:
    """The keys of a network that are about its layers."""

    front_ends: list[Annotated[Named, named("front-end")]] = setting(
        [], "as model.front_ends; mean_norm removes the level of a recording"
    )
    encoder: Annotated[dict, part("encoder")] = setting(
        description="features (B, T, D) -> frames (B, T, C); transformer has self-attention"
    )


@dataclass(frozen=True, kw_only=True)
class SegmentationNetwork(FrameModelConfig):
    """An entry of ``segmentation.networks``: a network, and its training."""

    task: Annotated[dict, part("segmentation task")] = setting(
        {"name": "powerset"},
        "what is said of a frame: speaker_count (nobody, one or several), or powerset, which of the"
        " speakers of the window",
    )
    window_sec: float = setting(5.0, "length of a window in training and use; s", minimum=0.5)
    optimizer: Annotated[dict, part("optimizer")] = setting({"name": "adam", "lr": 0.001})
    schedule: Annotated[dict, part("schedule")] = setting(
        {"name": "one_cycle"}, "factor of the optimizer's lr"
    )
    num_epochs: Count = setting(10)
    batch_size: int = setting(32, "windows per step", minimum=2)
    steps_per_epoch: int | None = setting(
        None, "null: as many windows as the recordings are long", minimum=1
    )
    grad_clip: float | None = setting(5.0, "largest gradient norm", exclusiveMinimum=0)
    spec_augment: MasksConfig | None = setting(None, "as train.spec_augment")
    device: Device = setting("auto")
    num_threads: Count = setting(2, "threads of arithmetic on a CPU; rounding depends on it")
    num_workers: int | None = setting(None, "loader processes; null: 2, more on a GPU", minimum=0)
    checkpoint_minutes: float = setting(10, "minutes between checkpoints", exclusiveMinimum=0)
    seed: Seed = setting(1)


@dataclass(frozen=True, kw_only=True)
class SegmentationConfig:
    """Section ``segmentation`` of a recipe."""

    train_sets: Annotated[list[str], Keywords(minItems=1, uniqueItems=True)] = setting(
        description="sets of diarization.sets with a reference, which networks are trained on"
    )
    valid_set: str | None = setting(
        None, "another set with a reference, for validation; null: there is none"
    )
    networks: dict[str, SegmentationNetwork] = setting(
        description="a name -> a network; its file is exp/segmentation/<name>/final.pt",
        minProperties=1,
        propertyNames=SET_NAME,
    )

    def __post_init__(self):
        if self.valid_set in self.train_sets:
            raise ConfigError(
                f"segmentation.valid_set is '{self.valid_set}', one of train_sets. Name another"
                " set, or null."
            )


def trained_sets(config: Mapping[str, Any]) -> list[str]:
    """The sets that the networks of a recipe are trained on; they have no results.

    >>> trained_sets({"segmentation": {"train_sets": ["sim"]}}), trained_sets({})
    (['sim'], [])
    """
    return (config.get("segmentation") or {"train_sets": []})["train_sets"]
