"""Section ``train``: its stages, and losses with the samplers that they need."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from steps_py.errors import StepsError
from steps_py.settings.build import build
from steps_py.training.config import ChunksConfig, TrainConfig, split_stages

if TYPE_CHECKING:
    from steps_py.registry import Entry


def check_stages(config: dict[str, Any], parts: "dict[str, dict[str, Entry]]") -> Iterator:
    """The keys of each stage are compatible with those of train and chunks."""
    if config["train"] is None:
        return
    try:
        split_stages(
            {
                "train": build(TrainConfig, config["train"], "train"),
                "chunks": build(ChunksConfig, config["chunks"], "chunks"),
            }
        )
    except StepsError as error:
        yield from str(error).splitlines()


def check_groups(config: dict[str, Any], parts: "dict[str, dict[str, Entry]]") -> Iterator:
    """A loss that compares utterances of a speaker needs several of them in a batch."""
    for where, section in trainings(config["train"]):
        sampler = section["sampler"]["name"]
        alone = parts["sampler"][sampler].facts["utts_per_speaker"] == 1
        if alone and compares(section["loss"], parts["loss"]):
            yield (
                f"'{where}.loss.name' is '{section['loss']['name']}', which compares utterances"
                f" of a speaker, but sampler '{sampler}' has one per speaker in a batch."
                " Set sampler to {name: speaker_groups, utts_per_speaker: 2}."
            )


def check_mixes(config: dict[str, Any], parts: "dict[str, dict[str, Entry]]") -> Iterator:
    """A mix of chunks needs a loss that takes two speakers for each."""
    for where, section in trainings(config["train"]):
        if section.get("mix") and not mixes(section["loss"], parts["loss"]):
            yield (
                f"'{where}.mix.name' is '{section['mix']['name']}', which gives chunks two"
                f" speakers, but loss '{section['loss']['name']}' needs one for each. Set mix to"
                " null, or loss to one that classifies, alone or with center or ring."
            )


def check_objectives(config: dict[str, Any], parts: "dict[str, dict[str, Entry]]") -> Iterator:
    """Objectives have the embeddings, the utterances and the groups of a speaker that they need."""
    train, model = config["train"], config["model"]
    for where, section in trainings(train):
        alone = parts["sampler"][section["sampler"]["name"]].facts["utts_per_speaker"] == 1
        for name, objective in section["objectives"].items():
            place = f"{where}.objectives.{name}"
            entry = parts["objective"][objective.get("name", name)]
            if objective.get("embedding") == "inner" and model["inner_dim"] is None:
                yield (
                    f"'{place}.embedding' is 'inner', but 'model.inner_dim' is null. Set"
                    " model.inner_dim, or embedding to outer."
                )
            unlabelled = entry.facts["uses_unlabelled"]
            if unlabelled is None:
                unlabelled = objective.get("labels") is None
            if unlabelled and train["unlabelled"] is None:
                yield (
                    f"'{place}' compares training utterances with those of train.unlabelled, which"
                    " is null. Set train.unlabelled.set, or labels."
                )
            loss = objective.get("loss")
            if loss and objective.get("labels") is None and alone and compares(loss, parts["loss"]):
                yield (
                    f"'{place}.loss.name' is '{loss['name']}', which compares utterances of a"
                    f" speaker, but sampler '{section['sampler']['name']}' has one per speaker in a"
                    " batch. Set sampler to {name: speaker_groups, utts_per_speaker: 2}."
                )
        if section["objectives"] and section["mix"]:
            yield (
                f"'{where}.mix' gives chunks two speakers, but 'objectives' need one for each. Set"
                " mix to null, or remove the objectives."
            )


def trainings(train: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """(key, section) of train and of each of its stages; none without a network."""
    if train is None:
        return
    yield "train", train
    for number, stage in enumerate(train["stages"]):
        yield f"train.stages.{number}", train | stage


def compares(loss: dict[str, Any], losses: "dict[str, Entry]") -> bool:
    """Whether a loss, or a loss within it, compares utterances with each other."""
    inner = inner_losses(loss, losses)
    compares_itself = losses[loss["name"]].facts["compares"]
    return bool(compares_itself) or any(compares(part, losses) for part in inner)


def mixes(loss, losses):
    """Whether a loss, or all losses within it, take utterances of two speakers."""
    itself = losses[loss["name"]].facts["mixes"]
    if itself is None:
        return all(mixes(part, losses) for part in inner_losses(loss, losses))
    return itself


def inner_losses(loss: dict[str, Any], losses: "dict[str, Entry]") -> list:
    """The sections of the losses that a loss adds up."""
    keys = losses[loss["name"]].schema["properties"]
    return [
        loss.get(key, rule.get("default"))
        for key, rule in keys.items()
        if rule.get("part", {}).get("kind") == "loss"
    ]


CHECKS = [check_stages, check_groups, check_mixes, check_objectives]
