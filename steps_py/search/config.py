"""search.yaml: what a search tries, how it chooses, and when it ends."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from steps_py.errors import ConfigError, near_names
from steps_py.settings.build import build
from steps_py.settings.declare import Count, Keywords, Seed, section, setting
from steps_py.yaml_files import read_yaml

Bounds = Annotated[list[float], Keywords(minItems=2, maxItems=2)]
WholeBounds = Annotated[list[int], Keywords(minItems=2, maxItems=2)]
KINDS = ("choices", "range", "log_range", "int_range", "log_int_range")


@dataclass(frozen=True, kw_only=True)
class ParameterConfig:
    """An entry of ``space``: one of the five kinds of values, and when the key is set at all."""

    choices: list[Any] | None = setting(
        None, "values of any type, sections too; null among them is a value", minItems=1
    )
    range: Bounds | None = setting(None, "[low, high], a number between them, uniform")
    log_range: Bounds | None = setting(None, "[low, high], its logarithm is uniform")
    int_range: WholeBounds | None = setting(None, "[low, high], a whole number, both included")
    log_int_range: WholeBounds | None = setting(
        None, "[low, high], a whole number whose logarithm is uniform"
    )
    step: float | None = setting(
        None, "of range and int_range: values are low, low + step, ...", exclusiveMinimum=0
    )
    when: dict[str, Any] = setting(
        {},
        "another key of the space -> its value, or a list of values: otherwise this key is not"
        " set and has the recipe's value",
    )

    def __post_init__(self):
        kinds = [name for name in KINDS if getattr(self, name) is not None]
        if len(kinds) != 1:
            given = ", ".join(kinds) or "none"
            raise ConfigError(f"needs one of {', '.join(KINDS)}; it has {given}.")
        bounds = getattr(self, kinds[0])
        if kinds[0] == "choices":
            if len(set(map(json.dumps, bounds))) < len(bounds):
                raise ConfigError(f"choices has a value twice: {bounds}. Write each once.")
        elif not bounds[0] < bounds[1]:
            raise ConfigError(f"{kinds[0]} is {bounds}; the first must be below the second.")
        elif kinds[0].startswith("log") and bounds[0] <= 0:
            raise ConfigError(f"{kinds[0]} is {bounds}; a logarithm needs values above 0.")
        if self.step is not None and kinds[0] not in ("range", "int_range"):
            raise ConfigError(f"step is for range and int_range, not for {kinds[0]}. Remove it.")
        if self.step is not None and kinds[0] == "int_range" and self.step % 1:
            raise ConfigError(f"step of int_range is {self.step}; it must be a whole number.")

    @property
    def kind(self) -> str:
        """The kind of values: one of KINDS."""
        return next(name for name in KINDS if getattr(self, name) is not None)


@dataclass(frozen=True, kw_only=True)
class ObjectiveConfig:
    """Section ``objective``: the number that is to be small."""

    metric: Literal["valid_eer", "valid_loss", "eer"] = setting(
        "valid_eer",
        "valid_eer: of held-out training speakers after the last epoch; valid_loss: of held-out"
        " utterances; eer: of a trial list with `role: dev`",
    )
    list: str | None = setting(None, "for eer: a list of data.trials with role: dev")
    system: str | None = setting(None, "for eer: a system of scores.systems; null: the first")


@dataclass(frozen=True, kw_only=True)
class SamplerConfig:
    """Section ``sampler``: how points are chosen."""

    name: Literal["random", "tpe"] = setting(
        "tpe", "random; or tree-structured Parzen estimators (Bergstra 2011)"
    )
    startup_trials: Count = setting(10, "finished trials before tpe begins; random until then")
    seed: Seed = setting(1)


@dataclass(frozen=True, kw_only=True)
class PruningConfig:
    """Section ``pruning``: asynchronous successive halving (Li 2020)."""

    metric: Literal["valid_eer", "valid_loss"] | None = setting(
        None, "column of epochs.tsv; null: that of the objective"
    )
    first_epoch: Count = setting(1, "no trial ends before this epoch")
    factor: int = setting(
        3,
        "after first_epoch * factor^k epochs, one of `factor` trials goes on: the best so far",
        minimum=2,
    )


@dataclass(frozen=True, kw_only=True)
class SearchConfig:
    """search.yaml of a recipe."""

    space: dict[str, ParameterConfig] = setting(
        description="dotted keys of the recipe's config -> values to try", minProperties=1
    )
    trials: Count = setting(description="trials that end with a value or are pruned")
    hours: float | None = setting(
        None,
        "of all runs of the search together; after that no trial begins, and running ones end",
        exclusiveMinimum=0,
    )
    parallel: Count = setting(1, "trials at a time; cores or jobs are divided among them")
    seeds: Count = setting(
        1, "trainings of each point, with train.seed, train.seed + 1, ...; the mean counts"
    )
    objective: ObjectiveConfig = section(ObjectiveConfig)
    sampler: SamplerConfig = section(SamplerConfig)
    pruning: PruningConfig | None = setting(
        None, "ends trials early that are worse than others at the same epoch"
    )


def read_search(path: str | Path) -> SearchConfig:
    """The checked content of a search.yaml.

    Raises ConfigError with one line per fault if it is missing or has unknown keys or values.
    """
    path = Path(path)
    if not path.is_file():
        near = near_names(path.name, [found.name for found in path.parent.glob("*.y*ml")])
        hint = f"Did you mean {near[0]}? Rename it." if near else "docs/search.md has one to copy."
        raise ConfigError(f"{path}: is not there. {hint}")
    mapping = read_yaml(path)
    if not isinstance(mapping, dict):
        raise ConfigError(f"{path}:1: is not a mapping. Write keys as in docs/search.md.")
    faults = []
    for key, entry in (mapping.get("space") or {}).items():
        try:
            build(ParameterConfig, entry if isinstance(entry, dict) else {}, f"space.{key}")
        except ConfigError as error:
            lines = str(error).splitlines()
            faults += [
                line if f"space.{key}" in line else f"'space.{key}' {line}" for line in lines
            ]
    try:
        config = build(SearchConfig, mapping, "")
    except ConfigError as error:
        faults = faults or str(error).splitlines()
    if faults:
        raise ConfigError("\n".join(f"{path}: {fault}" for fault in dict.fromkeys(faults)))
    return config
