"""Contradicting keys within one section, which its dataclass refuses."""

import typing

from steps_py.recipe.sections import recipe_class
from steps_py.settings.build import check_dataclass


def check_sections(config, parts):
    """Each section is accepted by its dataclass."""
    for name, hint in typing.get_type_hints(recipe_class(config)).items():
        cls, *_ = typing.get_args(hint) or (hint,)  # of a section that can be null
        if config[name] is not None:
            yield from check_dataclass(cls, config[name], name, parts)


CHECKS = [check_sections]
