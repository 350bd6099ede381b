"""Names in a config that refer to other keys."""

from collections.abc import Iterator
from typing import Any

from steps_py.errors import did_you_mean


def unknown(
    where: str, name: str, known: dict[str, dict[str, Any]] | list[str], what: str
) -> Iterator:
    """A fault if `name` is not among `known`, else nothing.

    >>> list(unknown("backend.adapt_set", "trian", ["train"], "set"))
    ["'backend.adapt_set' names the set 'trian'. Did you mean 'train'? Known: train."]
    """
    if name not in known:
        yield f"'{where}' names the {what} '{name}'. {did_you_mean(name, known)}"


def corpus_of(part: str) -> str:
    """The corpus of a part ``<corpus>.<part>``."""
    return part.partition(".")[0]
