"""Contradicting keys within one section, which its dataclass refuses."""

import dataclasses
import typing
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from steps_py.recipe.sections import recipe_class
from steps_py.settings.build import check_dataclass

if TYPE_CHECKING:
    from steps_py.registry import Entry


def check_sections(config: dict[str, Any], parts: "dict[str, dict[str, Entry]]") -> Iterator:
    """Each section is accepted by its dataclass."""
    recipe = recipe_class(config)
    hints = typing.get_type_hints(recipe)
    for name in (field.name for field in dataclasses.fields(recipe)):
        cls, *_ = typing.get_args(hints[name]) or (hints[name],)  # of a section that can be null
        if isinstance(config[name], dict):
            yield from check_dataclass(cls, config[name], name, parts)


CHECKS = [check_sections]
