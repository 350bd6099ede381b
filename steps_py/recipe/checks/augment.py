"""Section ``augment``: sources of sounds, and augmentation during training."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from steps_py.augment.kinds import KINDS
from steps_py.errors import StepsError
from steps_py.recipe.checks.names import corpus_of, unknown
from steps_py.recipe.extractor import trains_on_audio

if TYPE_CHECKING:
    from steps_py.registry import Entry


def check_parts_of_copies(config: dict[str, Any], parts: "dict[str, dict[str, Entry]]") -> Iterator:
    """Parts belong to known corpora."""
    for name, kind in config["augment"]["copies"].items():
        for part in kind["parts"]:
            where = f"augment.copies.{name}.parts"
            yield from unknown(where, corpus_of(part), config["data"]["corpora"], "corpus")


def check_kinds(config: dict[str, Any], parts: "dict[str, dict[str, Entry]]") -> Iterator:
    """The options of each kind of copies are valid."""
    for suffix, kind in config["augment"]["copies"].items():
        try:
            KINDS.configure({"name": suffix, **kind}, f"augment.copies.{suffix}")
        except StepsError as error:
            yield from (f"augment.copies.{suffix}: {line}" for line in str(error).splitlines())


def check_online(config: dict[str, Any], parts: "dict[str, dict[str, Entry]]") -> Iterator:
    """Augmentation during training needs audio."""
    if config["augment"]["online"] and not trains_on_audio(config):
        yield (
            "'augment.online' is given, but i-vectors read features. Set it to null."
            if config["train"] is None
            else "'augment.online' is given, but 'train.input' is feats. Set it to waveform."
        )


CHECKS = [check_parts_of_copies, check_kinds, check_online]
