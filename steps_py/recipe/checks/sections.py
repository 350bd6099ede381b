"""Contradicting keys within one section, which its dataclass refuses."""

import typing

from steps_py.recipe.sections import RecipeConfig
from steps_py.settings.build import check_dataclass


def check_sections(config, parts):
    """Each section is accepted by its dataclass."""
    for name, cls in typing.get_type_hints(RecipeConfig).items():
        yield from check_dataclass(cls, config[name], name, parts)


CHECKS = [check_sections]
