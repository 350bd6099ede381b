"""Chains of scoring steps as a recipe writes them, and the links that they become."""

import dataclasses
import hashlib
import json
from typing import Any

from steps_py.backend.step_job import Link
from steps_py.backend.steps import STEPS
from steps_py.backend.steps.base import Join, Model, ScoreStep, Transform
from steps_py.errors import ConfigError, did_you_mean
from steps_py.settings.declare import name_and_options

CHAINS = {
    "plda": ["centre", "lda", "length_norm", "plda"],
    "cosine": ["centre", "cosine"],
    "lda_cosine": ["centre", "lda", "length_norm", "cosine"],
}
KINDS = (Transform, Model, Join, ScoreStep)


def chains_of(systems: dict[str, Any] | list[str], backend: dict[str, Any]) -> dict[str, list]:
    """The chain of every system: a list names chains of `CHAINS`, a mapping gives its own.

    Chains of `CHAINS` have no ``length_norm`` where the recipe's ``backend.length_norm`` is false.
    """
    if isinstance(systems, dict):
        return systems
    unknown = [name for name in systems if name not in CHAINS]
    if unknown:
        raise ConfigError(
            f"'scores.systems' names '{unknown[0]}'. {did_you_mean(unknown[0], CHAINS)}"
            " A system of your own is a name with its chain of steps."
        )
    dropped = [] if backend.get("length_norm", True) else ["length_norm"]
    return {name: [step for step in CHAINS[name] if step not in dropped] for name in systems}


def parse_chains(
    systems: dict[str, Any] | list[str], backend: dict[str, Any]
) -> tuple[dict[str, tuple[Link, ...]], list[str]]:
    """The links of every system whose chain is one, and a message for each other.

    >>> links, faults = parse_chains({"a": ["cosine"], "b": ["a", "cosin"]}, {})
    >>> list(links), faults[0][:60]
    (['a'], "'scores.systems.b': scoring step: unknown name 'cosin'. Did ")
    """
    try:
        return _Parser(chains_of(systems, backend), backend).parse()
    except ConfigError as error:
        return {}, [str(error)]


class _Parser:
    """Chains that may begin with one another: each is parsed when it is first needed."""

    def __init__(self, chains, backend):
        self._chains, self._backend = chains, backend
        self._links, self._faults = {}, {}
        self._open = []  # systems that wait for the one being parsed

    def parse(self):
        for system in self._chains:
            self._parse(system)
        order = [system for system in self._chains if system in self._links]
        return {system: self._links[system] for system in order}, list(
            filter(None, self._faults.values())
        )

    def _parse(self, system):
        if system in self._links or system in self._faults:
            return
        if system in self._open:
            circle = " -> ".join([*self._open[self._open.index(system) :], system])
            raise ConfigError(f"systems read each other in a circle, {circle}. Break it.")
        self._open.append(system)
        try:
            self._links[system] = self._links_of(system, self._chains[system])
        except ConfigError as error:
            self._faults[system] = f"'scores.systems.{system}': {error}"
        except _FaultOfAnotherSystemError:
            self._faults[system] = None  # that one has the message
        finally:
            self._open.pop()

    def _links_of(self, system, chain):
        begins_with = self._system_named_first(system, chain)
        links = list(self._other(begins_with)) if begins_with else []
        num_inherited = len(links)
        for element in chain[1:] if begins_with else chain:
            name, given = name_and_options(element)
            after = begins_with if len(links) == num_inherited else None
            link = self._link(name, given, tuple(links), after, first=not links)
            links.append(link)
            for other in link.step.systems:
                self._other(other)
        _check_order([link.step for link in links[num_inherited:]], begins_with)
        for place, link in enumerate(links[num_inherited:], num_inherited):
            link.step.check_place([before.step for before in links[:place]])
        return tuple(links)

    def _system_named_first(self, system, chain):
        """The other system that a chain begins with, if it does.

        A name that a step has too is the system's where nothing but steps of scores follows.
        """
        first = chain[0]
        if not isinstance(first, str) or first not in self._chains:
            return None
        if first not in STEPS.names():
            return first
        kinds = [_class_of(element) for element in chain[1:]]
        follow = kinds and all(kind is not None and issubclass(kind, ScoreStep) for kind in kinds)
        return first if follow and first != system else None

    def _other(self, system):
        """The links of another system that one reads."""
        if system not in self._chains:
            raise ConfigError(f"names the system '{system}'. {did_you_mean(system, self._chains)}")
        self._parse(system)
        if system not in self._links:
            raise _FaultOfAnotherSystemError(system)
        return self._links[system]

    def _link(self, name, given, before, after_system, first):
        try:
            cls = STEPS.find(name)
        except ConfigError as error:
            systems = f" Systems: {', '.join(sorted(self._chains))}." if first else ""
            raise ConfigError(f"{error}{systems}") from None
        STEPS.configure({"name": name, **given})
        if cls.needs_adapt_set and not self._backend.get("adapt_set"):
            raise ConfigError(f"{name} needs a set of the trials' domain. Name backend.adapt_set.")
        defaults = {field.name: field.default for field in dataclasses.fields(cls.Config)}
        options = {**_recipe_wide(cls, self._backend), **given}
        changed = {key: value for key, value in options.items() if value != defaults[key]}
        section = {"name": name, **changed}
        folder = name if not given else f"{name}.{_digest(given)}"
        path = f"{before[-1].path}/{folder}" if before else folder
        return Link(STEPS.build(section), section, path, before, after_system)


class _FaultOfAnotherSystemError(Exception):
    """A system cannot be parsed, as one that it reads cannot."""


def _class_of(element):
    """The class of an element of a chain; None if there is none."""
    try:
        return STEPS.find(name_and_options(element)[0])
    except ConfigError:
        return None


def _recipe_wide(cls, backend):
    """The options of a step that section ``backend`` sets for all steps of its name."""
    options = {}
    for option, key in cls.recipe_keys.items():
        section, _, last = key.rpartition(".")
        values = backend.get(section, {}) if section else backend
        if last in values:
            options[option] = values[last]
    return options


def _digest(options):
    """Six hexadecimal digits that tell chains of the same steps with other options apart."""
    return hashlib.sha256(json.dumps(options, sort_keys=True).encode()).hexdigest()[:6]


def _check_order(steps, begins_with):
    """Raise ConfigError unless these make scores of vectors or of other scores, and change them."""
    kinds = [next(kind for kind in KINDS if isinstance(step, kind)) for step in steps]
    if begins_with:
        good = kinds and set(kinds) == {ScoreStep}
    elif kinds[:1] == [Join]:
        good = set(kinds[1:]) <= {ScoreStep}
    else:
        place = kinds.index(Model) if Model in kinds else len(kinds)
        good = kinds == [Transform] * place + [Model] + [ScoreStep] * (len(kinds) - place - 1)
    if not good:
        raise ConfigError(
            f"a chain must be transforms of vectors, one model ({_named(Model)}), and after it"
            f" steps that change scores ({_named(ScoreStep)}). In place of transforms and model"
            f" it may begin with the name of another system, or with {_named(Join)}."
        )


def _named(kind):
    return ", ".join(name for name in STEPS.names() if issubclass(STEPS.find(name), kind))
