"""The space of a search: which keys of a recipe's config are varied, and over which values."""

import copy
import json
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

from steps_py.draws import Draws
from steps_py.errors import ConfigError, did_you_mean
from steps_py.search.config import ParameterConfig


class Suggests(Protocol):
    """The part of Optuna's trial that a space uses."""

    def suggest_categorical(self, name: str, choices: list[str]) -> str: ...

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None, log: bool
    ) -> float: ...

    def suggest_int(self, name: str, low: int, high: int, *, step: int, log: bool) -> int: ...


class Parameter:
    """A key of the config and the values that are tried.

    Parameters
    ----------
    key : str
        Dotted, as ``train.optimizer.lr``.
    config : ParameterConfig
    """

    def __init__(self, key: str, config: ParameterConfig):
        self.key, self.config = key, config
        self.kind, self.is_log = config.kind, config.kind.startswith("log")
        self.is_whole = "int" in self.kind
        self._choices = {json.dumps(choice): choice for choice in config.choices or ()}

    def extremes(self) -> list:
        """All choices, or both ends of a range."""
        values = list(getattr(self.config, self.kind))
        return values if self._choices or self.is_whole else [float(value) for value in values]

    def suggest(self, trial: Suggests) -> Any:
        """The value that Optuna chooses for a trial, or has chosen before."""
        if self._choices:
            return self._choices[trial.suggest_categorical(self.key, list(self._choices))]
        low, high = self.extremes()
        step = self.config.step
        if self.is_whole:
            return trial.suggest_int(self.key, low, high, step=int(step or 1), log=self.is_log)
        return trial.suggest_float(self.key, low, high, step=step, log=self.is_log)

    def draw(self, draws: Draws) -> Any:
        """A value by chance, to try whether points of the space are valid configs."""
        if self._choices:
            return list(self._choices.values())[draws.below(len(self._choices))]
        low, high = self.extremes()
        share = draws.uniform()
        if self.is_log:
            value = math.exp(math.log(low) + share * (math.log(high) - math.log(low)))
        else:
            value = low + share * (high - low)
        return min(high, max(low, round(value))) if self.is_whole else value

    def is_active(self, values: Mapping[str, Any]) -> bool:
        """Whether the condition `when` holds for the values chosen so far."""
        return all(
            other in values and any(_same(values[other], one) for one in as_list(wanted))
            for other, wanted in self.config.when.items()
        )


class Space:
    """All parameters, each after those that its condition names.

    Raises
    ------
    ConfigError
        If a condition names a key that is not in the space, is no list of choices, or never has
        the value, or if conditions form a circle.
    """

    def __init__(self, parameters: Mapping[str, ParameterConfig]):
        by_key = {key: Parameter(key, config) for key, config in parameters.items()}
        faults = [fault for one in by_key.values() for fault in _faults_of_condition(one, by_key)]
        if faults:
            raise ConfigError("\n".join(faults))
        self.parameters = _ordered(by_key)

    @property
    def keys(self) -> list[str]:
        """The dotted keys."""
        return [parameter.key for parameter in self.parameters]

    def point(self, value_of: Callable[[Parameter], Any]) -> dict[str, Any]:
        """A value for each parameter whose condition holds; `value_of(parameter)` chooses it."""
        values = {}
        for parameter in self.parameters:
            if parameter.is_active(values):
                values[parameter.key] = value_of(parameter)
        return values

    def suggest(self, trial: Suggests) -> dict[str, Any]:
        """The point of a trial of Optuna."""
        return self.point(lambda parameter: parameter.suggest(trial))

    def some_points(self, number: int) -> Iterator[dict[str, Any]]:
        """Points by chance, always the same ones."""
        for place in range(number):
            draws = Draws(0, "search", str(place))
            yield self.point(lambda parameter, draws=draws: parameter.draw(draws))

    def edges(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Each choice and end of a range of each key, with the values that its condition needs."""
        by_key = {parameter.key: parameter for parameter in self.parameters}
        for parameter in self.parameters:
            needed = _needed(parameter, by_key)
            for value in parameter.extremes():
                yield parameter.key, {**needed, parameter.key: value}


def overlay(values: Mapping[str, Any]) -> dict:
    """The values of dotted keys as a nested config, to be laid over a recipe's.

    >>> overlay({"train.optimizer.lr": 0.1, "train.batch_size": 64})
    {'train': {'batch_size': 64, 'optimizer': {'lr': 0.1}}}

    Raises ConfigError if a key is within another one whose value has no keys.
    """
    config = {}
    for key in sorted(values, key=lambda key: (key.count("."), key)):
        *parents, last = key.split(".")
        section = config
        for place, parent in enumerate(parents):
            section = section.setdefault(parent, {})
            if not isinstance(section, dict):
                inside = ".".join(parents[: place + 1])
                raise ConfigError(
                    f"'space.{key}': {inside} can be {json.dumps(section)}, which has no keys."
                    f" Add `when` with the values of {inside} that have them."
                )
        section[last] = copy.deepcopy(values[key])
    return config


def as_list(wanted: Any) -> list:
    """The values that a condition allows: a list, or one value."""
    return wanted if isinstance(wanted, list) else [wanted]


def _same(value, other):
    return json.dumps(value) == json.dumps(other)


def _faults_of_condition(parameter, by_key):
    for other, wanted in parameter.config.when.items():
        where = f"'space.{parameter.key}.when'"
        if other not in by_key or other == parameter.key:
            known = [key for key in by_key if key != parameter.key]
            hint = did_you_mean(other, known)
            yield f"{where} names '{other}', which is not in the space. {hint}"
        elif by_key[other].kind != "choices":
            yield f"{where} names '{other}', a {by_key[other].kind}. A condition needs choices."
        else:
            known = by_key[other].extremes()
            yield from (
                f"{where} wants {one!r} of '{other}'. {did_you_mean(one, known)}"
                for one in as_list(wanted)
                if not any(_same(one, choice) for choice in known)
            )


def _ordered(by_key):
    ordered = {}
    while len(ordered) < len(by_key):
        ready = [
            one
            for key, one in by_key.items()
            if key not in ordered and set(one.config.when) <= set(ordered)
        ]
        if not ready:
            rest = ", ".join(key for key in by_key if key not in ordered)
            raise ConfigError(f"'space': the conditions of {rest} form a circle. Remove one.")
        ordered |= {one.key: one for one in ready}
    return list(ordered.values())


def _needed(parameter, by_key):
    """Values of other keys under which a parameter is set."""
    values = {}
    for other, wanted in parameter.config.when.items():
        values |= {**_needed(by_key[other], by_key), other: as_list(wanted)[0]}
    return values
