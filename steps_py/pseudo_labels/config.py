"""Section ``pseudo_labels`` of a recipe."""

from dataclasses import dataclass
from typing import Annotated

from steps_py.errors import ConfigError
from steps_py.settings.declare import Count, Seed, Share, part, setting
from steps_py.training.config import stage_schema


@dataclass(frozen=True, kw_only=True)
class StartConfig:
    """Section ``pseudo_labels.start``: the network whose x-vectors are clustered first."""

    model: str | None = setting(None, "a final.pt of another run; relative to the recipe's folder")
    train: dict = setting(
        {},
        "keys of one of train.stages, which replace those of train in the training of the first"
        " network",
        additionalProperties=False,
        properties=lambda: stage_schema()["properties"],
    )

    def __post_init__(self):
        if self.model is None and not self.train:
            raise ConfigError(
                "pseudo_labels.start: model and train are both empty. Give one of them."
            )
        if self.model is not None and self.train:
            raise ConfigError(
                "pseudo_labels.start: model is given, and so is train, which would train another."
                " Remove one of them."
            )


@dataclass(frozen=True, kw_only=True)
class PseudoLabelsConfig:
    """Section ``pseudo_labels`` of a recipe."""

    unlabelled: str = setting(
        description="the set of data.sets whose speakers are not known; other than train, it is"
        " trained on together with train"
    )
    clusterer: Annotated[dict, part("clusterer")] = setting(
        description="finds speakers among the x-vectors: kmeans, agglomerative,"
        " kmeans_agglomerative"
    )
    start: StartConfig | None = setting(
        None, "null: the first network is trained on train alone, whose speakers are known"
    )
    max_rounds: Count = setting(
        5, "how often x-vectors are clustered at most; a network is trained on the labels of each"
    )
    settled_nmi: Share = setting(
        0.95,
        "labels are settled, and further rounds omitted, if their normalised mutual information"
        " with those of the round before is at least this",
    )
    max_distance: float | None = setting(
        None,
        "utterances with a larger cosine distance (0 to 2) from the mean of their cluster are not"
        " trained on",
        exclusiveMinimum=0,
    )
    min_cluster_utts: Count = setting(
        1, "clusters with fewer utterances, without the distant ones, are not trained on"
    )
    seed: Seed = setting(1)

    def __post_init__(self):
        if self.unlabelled == "train" and self.start is None:
            raise ConfigError(
                "pseudo_labels: unlabelled is train, so there are no speakers to train the first"
                " network on. Give start.model, a network of another run, or start.train, a"
                " training that needs no speakers."
            )
