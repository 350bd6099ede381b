"""Section ``pseudo_labels``: the set whose speakers are not known, and who may not ask for them."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from steps_py.recipe.checks.names import unknown
from steps_py.recipe.checks.train import check_stages

if TYPE_CHECKING:
    from steps_py.registry import Entry


def check_unlabelled(config: dict[str, Any], parts: "dict[str, dict[str, Entry]]") -> Iterator:
    """The unlabelled set is one of data.sets and is not tested on."""
    pseudo, data = config["pseudo_labels"], config["data"]
    if pseudo is None or config["train"] is None:
        return
    name = pseudo["unlabelled"]
    if config["train"]["unlabelled"]:
        yield (
            "'train.unlabelled' and 'pseudo_labels' are both given, but the trainings of the rounds"
            " read no other utterances. Set one of them to null."
        )
    yield from unknown("pseudo_labels.unlabelled", name, data["sets"], "set")
    models = {key: value["of"] for key, value in data["models"].items()}
    for trials, entry in data["trials"].items():
        for side in ("enroll", "test"):
            if models.get(entry[side], entry[side]) == name:
                yield f"'data.trials.{trials}.{side}' is '{name}', a set that is trained on."


def check_start(config: dict[str, Any], parts: "dict[str, dict[str, Entry]]") -> Iterator:
    """The keys of the first training are compatible with those of train and chunks."""
    start = config["pseudo_labels"] and config["pseudo_labels"]["start"]
    if start and start["train"] and config["train"]:
        train = config["train"] | {"stages": [start["train"]]}
        for fault in check_stages(config | {"train": train}, parts):
            yield f"pseudo_labels.start.train: {fault.removeprefix('train.stages: stage 1: ')}"


CHECKS = [check_unlabelled, check_start]
