"""Names in a recipe -> classes in the code.

A registry is a dict with three guarantees: a name is registered once, the error for an unknown
name lists the known ones, and a class is built from its own `Config` dataclass only, so that a
misspelt key in config.yaml is an error.
"""

import dataclasses
import importlib
import pkgutil
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from steps_py import own_parts
from steps_py.errors import ConfigError, did_you_mean
from steps_py.settings.build import build
from steps_py.settings.declare import schema_of


@dataclasses.dataclass(frozen=True)
class Entry:
    """Properties of a registered class that checks of a recipe use."""

    schema: dict  # of its Config
    facts: dict  # attributes of the class, by name
    doc: str  # first line of its docstring
    files: list  # in the recipe's own folder, helpers included; empty: a class of this project


class Registry:
    """Classes of one kind (encoder, pooling, loss), by name.

    Parameters
    ----------
    kind : str
        For messages.
    home : str, optional
        The package or module whose import registers the classes of this project; it is
        imported at the first look-up. Other names are searched in the recipe's own folder.
    facts : tuple of str
        Attributes of the classes that checks of a recipe use.

    >>> POOLINGS = Registry("pooling")
    >>> @POOLINGS.register("stats")
    ... class StatsPooling:
    ...     @dataclasses.dataclass(frozen=True, kw_only=True)
    ...     class Config:
    ...         eps: float = 1e-5
    ...     def __init__(self, config, in_dim):
    ...         self.out_dim = 2 * in_dim
    >>> POOLINGS.build({"name": "stats"}, in_dim=1500).out_dim
    3000
    """

    def __init__(self, kind: str, home: str | None = None, facts: tuple[str, ...] = ()):
        self.kind, self._home, self._facts = kind, home, facts
        self._classes = {}

    def names(self) -> list[str]:
        """Sorted names of this project's classes, and of those of the recipe that are loaded."""
        self._load_home()
        return sorted(self._classes)

    def register(self, name: str) -> Callable[[type], type]:
        """Register the decorated class; it has a frozen dataclass `Config`, possibly inherited.

        Raises TypeError if another class has the name already, or Config is not a dataclass.
        A class whose module is executed again takes its own place.
        """

        def add(cls):
            known = self._classes.get(name, cls)
            if (known.__module__, known.__qualname__) != (cls.__module__, cls.__qualname__):
                raise TypeError(f"{self.kind} '{name}' is registered twice: {known} and {cls}")
            config = getattr(cls, "Config", None)
            if not dataclasses.is_dataclass(config):
                raise TypeError(f"{self.kind} '{name}': {cls} has no Config dataclass")
            if "__annotations__" in vars(config) and "__dataclass_params__" not in vars(config):
                raise TypeError(
                    f"{self.kind} '{name}': its Config has keys of its own but no"
                    " @dataclass(frozen=True, kw_only=True)"
                )
            self._classes[name] = cls
            return cls

        return add

    def find(self, name: str) -> type:
        """The class of that name; ConfigError if there is none."""
        if name not in self._classes:
            self._load_home()
        if name not in self._classes:
            own_parts.load(own_parts.recipe_folder())
        if name not in self._classes:
            raise ConfigError(
                f"{self.kind}: unknown name '{name}'. {did_you_mean(name, self._classes)}"
            )
        return self._classes[name]

    def build(self, section: dict, **runtime) -> Any:
        """Build ``{"name": ..., **fields}``; `runtime` are sizes that depend on the data."""
        cls, config = self.configure(section)
        return cls(config, **runtime)

    def configure(self, section: dict, where: str | None = None) -> tuple[type, Any]:
        """The class and its checked Config for ``{"name": ..., **fields}``, without building.

        `where` is the section's dotted key in the recipe, for messages; by default the name.
        """
        fields = dict(section)
        name = fields.pop("name", None)
        cls = self.find(name)
        return cls, build(cls.Config, fields, where or name)

    def entries(self) -> dict[str, Entry]:
        """{name: Entry} of all classes that are loaded.

        Raises ConfigError for a Config with keys or defaults of a type that YAML does not have.
        """
        return {name: self._entry(name) for name in self.names()}

    def _entry(self, name):
        cls = self._classes[name]
        module = sys.modules[cls.__module__]
        try:
            schema = schema_of(cls.Config)
        except (TypeError, NameError) as error:
            file = Path(module.__file__).name
            raise ConfigError(f"{file}: {self.kind} '{name}': {error}.") from None
        return Entry(
            schema=schema,
            facts={fact: getattr(cls, fact, None) for fact in self._facts},
            doc=(cls.__doc__ or "").strip().partition("\n")[0],
            files=own_parts.files_of(cls),
        )

    def _load_home(self):
        if self._home is not None:
            importlib.import_module(self._home)


def import_modules(package: str, path: Iterable[str]) -> None:
    """Import every module of a package folder, so that its classes register themselves."""
    for module in pkgutil.iter_modules(path):
        importlib.import_module(f"{package}.{module.name}")
