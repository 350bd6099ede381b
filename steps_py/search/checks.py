"""Checks of a search against its recipe, before any job."""

import importlib.util
from collections.abc import Iterator, Mapping
from pathlib import Path

from steps_py.errors import ConfigError, did_you_mean
from steps_py.recipe.catalogue import catalogue
from steps_py.recipe.config import check_config, fill_defaults
from steps_py.recipe.overlays import lay_over
from steps_py.recipe.sections import RecipeConfig
from steps_py.search.config import SearchConfig
from steps_py.search.space import Space, overlay
from steps_py.settings.check import check
from steps_py.settings.declare import schema_of

NUM_POINTS = 20  # of the space, whose configs are checked before any job
# sections -> why a search does not vary them
KEPT = {
    "data": "all trials are compared on the same data",
    "metrics": "it does not change what is measured",
    "report": "no result depends on it",
    "plan": "no result depends on it",
}
# keys -> that decide what is held out, and so what the validation measures
HELD_OUT = (
    *("chunks.seed", "chunks.num_valid_utts", "chunks.num_valid_speakers"),
    "train.num_valid_trials",
)


def check_search(search: SearchConfig, config: Mapping, path: Path, recipe: Path) -> Space:
    """The space of a search of a recipe; ConfigError with one line for each fault.

    Parameters
    ----------
    search : SearchConfig
    config : mapping
        The recipe's checked config, without or with defaults.
    path : path
        search.yaml, for the messages.
    recipe : path
        The recipe's folder.
    """
    try:
        space = Space(search.space)
        filled = fill_defaults(config, recipe)
        looks = [
            _check_library(),
            _check_keys(search, space),
            _check_objective(search, filled, space),
            _check_paths(config),
        ]
        faults = [fault for look in looks for fault in look]
        faults = faults or list(_check_values(space, config, recipe))
        faults = faults or list(_check_points(space, config, recipe))
    except ConfigError as error:
        faults = str(error).splitlines()
    if faults:
        raise ConfigError("\n".join(f"{path}: {fault}" for fault in dict.fromkeys(faults)))
    return space


def _check_library():
    if importlib.util.find_spec("optuna") is None:
        yield "the package optuna is not installed. Run: pip install '.[search]'"


def _check_keys(search, space) -> Iterator[str]:
    for key in space.keys:
        section = key.partition(".")[0]
        if section in KEPT:
            yield f"'space.{key}': section {section} is not searched: {KEPT[section]}. Remove it."
    if search.seeds > 1 and "train.seed" in space.keys:
        yield "'space.train.seed': `seeds` sets it. Remove one of them."


def _check_objective(search, filled, space) -> Iterator[str]:
    objective = search.objective
    of_training = {objective.metric, getattr(search.pruning, "metric", None)} - {None, "eer"}
    if search.pruning and objective.metric == "eer" and search.pruning.metric is None:
        yield (
            "'pruning.metric' is missing: the EER of a list is known at the end only. Write"
            " valid_eer or valid_loss."
        )
    if objective.metric == "eer":
        yield from _check_list(objective, filled)
    elif objective.list or objective.system:
        yield (
            f"'objective.list' and 'objective.system' are for the metric eer; 'objective.metric' is"
            f" {objective.metric}. Remove them."
        )
    else:
        yield from (
            f"'space.{key}' changes what is held out, and so what {objective.metric} measures."
            " Remove it."
            for key in space.keys
            if key in HELD_OUT
        )
    if "valid_eer" in of_training and not filled["chunks"]["num_valid_speakers"]:
        yield (
            "valid_eer needs held-out speakers, and 'chunks.num_valid_speakers' is 0. Set it in"
            " the recipe, or use valid_loss."
        )
    if "valid_loss" in of_training:
        if not filled["chunks"]["num_valid_utts"]:
            yield "valid_loss needs held-out utterances, and 'chunks.num_valid_utts' is 0."
        yield from (
            f"'space.{key}': valid_loss does not compare different losses. Use valid_eer or eer."
            for key in space.keys
            if key == "train.loss" or key.startswith("train.loss.")
        )


def _check_list(objective, filled):
    lists, name = filled["data"]["trials"], objective.list
    dev = [key for key, trials in lists.items() if trials["role"] == "dev"]
    if name is None:
        yield f"'objective.list' is missing. {did_you_mean('', dev)}"
    elif name not in lists:
        yield f"'objective.list' is '{name}'. {did_you_mean(name, dev)}"
    elif name not in dev:
        yield (
            f"'objective.list' is '{name}', a test list: results on a list that a search has"
            f" chosen by are too good. Use a list with `role: dev` in data.trials; there are"
            f" {', '.join(dev) or 'none'}."
        )
    names = list(filled["scores"]["systems"])
    if objective.system is not None and objective.system not in names:
        yield f"'objective.system' is '{objective.system}'. {did_you_mean(objective.system, names)}"


def _check_paths(config):
    """Trials run in folders of their own, where ../ would be another place."""
    for key, path in _texts(config, ""):
        if path == ".." or path.startswith("../"):
            yield (
                f"'{key}' of the recipe is {path}, a path out of its folder. Trials run in other"
                " folders: write an absolute path."
            )


def _texts(value, key):
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from _texts(item, f"{key}.{name}" if key else str(name))
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item, key)


def _check_values(space, config, recipe):
    """Every key is one of the schema, and every choice and end of a range a value of it."""
    schema, parts = schema_of(RecipeConfig), catalogue(recipe)
    for _, values in space.edges():
        yield from check(schema, lay_over(config, overlay(values)), parts=parts)


def _check_points(space, config, recipe):
    """Combinations: refused only if no point is a valid config; the others are left out later."""
    faults = []
    for values in space.some_points(NUM_POINTS):
        try:
            check_config(lay_over(config, overlay(values)), "config", recipe)
        except ConfigError as error:
            faults.append(str(error).splitlines()[0].removeprefix("config: "))
        else:
            return
    yield f"none of {NUM_POINTS} points of the space is a valid config: {faults[0]}"
