"""Checks and defaults of a recipe's config."""

import os
from typing import Any

from steps_py.errors import ConfigError
from steps_py.recipe.catalogue import catalogue
from steps_py.recipe.checks import CHECKS, CHECKS_OF_DIARIZATION
from steps_py.recipe.sections import RecipeConfig, recipe_class
from steps_py.settings.check import check
from steps_py.settings.declare import schema_of
from steps_py.settings.defaults import fill, without


def check_config(
    config: dict[str, Any], source: str = "config.yaml", recipe: str | os.PathLike | None = None
) -> None:
    """Raise ConfigError with every fault of `config`, one line each.

    If single keys have faults, these are reported; otherwise combinations of keys are checked.
    `recipe` is the recipe's folder, by default that of the run.
    """
    parts = catalogue(recipe)
    faults = check(schema_of(recipe_class(config)), config, parts=parts)
    if not faults:
        filled = fill_defaults(config, recipe)
        checks = CHECKS if trains(config) else CHECKS_OF_DIARIZATION
        faults = [fault for look in checks for fault in look(filled, parts)]
    if faults:
        raise ConfigError("\n".join(f"{source}: {fault}" for fault in dict.fromkeys(faults)))


def fill_defaults(
    config: dict[str, Any], recipe: str | os.PathLike | None = None
) -> dict[str, Any]:
    """A copy of a checked `config` with all defaults, those of registered classes included."""
    return fill(schema_of(recipe_class(config)), dict(config), catalogue(recipe))


def without_defaults(config, recipe=None):
    """A copy of a checked `config` without the keys whose values are their defaults.

    The inverse of `fill_defaults`: equivalent configs give the same result, and a release that adds
    a key with a default does not change it.

    >>> without_defaults({"cmvn": {"window_frames": 300, "norm_vars": True}})
    {'cmvn': {'norm_vars': True}}
    """
    return without(schema_of(recipe_class(config)), dict(config), catalogue(recipe))


def trains(config) -> bool:
    """Whether a recipe trains a network, as all do but those with nothing but ``diarization``.

    >>> trains({"diarization": {"extractor": "../folder/results/system.swx"}})
    False
    """
    return recipe_class(config) is RecipeConfig
