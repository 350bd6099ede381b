"""Names in a recipe -> classes in the code.

A registry is a plain dict with three promises: a name is taken once, an unknown
name is answered with the known ones, and a class is built from its own `Config`
dataclass only -- so a misspelt key in config.yaml is an error, never a default.
"""

import dataclasses
import importlib
import pkgutil

from steps_py.errors import ConfigError, did_you_mean


class Registry:
    """Classes of one kind (encoder, pooling, loss), by name.

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

    def __init__(self, kind):
        self.kind = kind
        self._classes = {}

    def names(self):
        return sorted(self._classes)

    def config_of(self, name):
        """The Config dataclass of a registered class."""
        return self._classes[name].Config

    def find(self, name):
        """The class of that name; ConfigError if there is none."""
        if name not in self._classes:
            raise ConfigError(
                f"{self.kind}: unknown name '{name}'. {did_you_mean(name, self._classes)}"
            )
        return self._classes[name]

    def register(self, name):
        def add(cls):
            if name in self._classes:
                raise TypeError(
                    f"{self.kind} '{name}' is registered twice: {self._classes[name]} and {cls}"
                )
            if not dataclasses.is_dataclass(getattr(cls, "Config", None)):
                raise TypeError(f"{self.kind} '{name}': {cls} has no Config dataclass")
            self._classes[name] = cls
            return cls

        return add

    def build(self, section, **runtime):
        """Build ``{"name": ..., **fields}``; `runtime` are sizes known only from data."""
        cls, config = self.configure(section)
        return cls(config, **runtime)

    def configure(self, section):
        """The class and its checked Config for ``{"name": ..., **fields}``, without building."""
        fields = dict(section)
        name = fields.pop("name", None)
        cls = self.find(name)
        known = [field.name for field in dataclasses.fields(cls.Config)]
        for key in fields:
            if key not in known:
                raise ConfigError(
                    f"{self.kind} '{name}': unknown key '{key}'. {did_you_mean(key, known)}"
                )
        try:
            return cls, cls.Config(**fields)
        except TypeError:
            missing = [
                f.name
                for f in dataclasses.fields(cls.Config)
                if f.name not in fields
                and f.default is dataclasses.MISSING
                and f.default_factory is dataclasses.MISSING
            ]
            raise ConfigError(
                f"{self.kind} '{name}': {', '.join(missing)} must be given."
            ) from None


def import_modules(package, path):
    """Import every module of a package folder, so that its classes register themselves."""
    for module in pkgutil.iter_modules(path):
        importlib.import_module(f"{package}.{module.name}")
