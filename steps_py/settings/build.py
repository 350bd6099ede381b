"""A mapping -> a checked instance of a Config dataclass."""

import dataclasses
import json
import types
import typing

from steps_py.errors import ConfigError, StepsError
from steps_py.settings.check import check
from steps_py.settings.declare import plain, schema_of

T = typing.TypeVar("T")  # a Config dataclass


def check_dataclass(cls: type, mapping: dict, where: str, parts: dict | None = None) -> list[str]:
    """The faults of `mapping` as keys of `cls`, one line each.

    >>> @dataclasses.dataclass(frozen=True)
    ... class Cmvn:
    ...     window_frames: int = 300
    >>> check_dataclass(Cmvn, {"window": 200}, "cmvn")
    ["unknown key 'cmvn.window'. Did you mean 'window_frames'? Known: window_frames."]
    """
    faults = check(schema_of(cls), mapping, where, parts)
    if not faults:
        try:
            _make(cls, mapping)
        except StepsError as error:
            faults = str(error).splitlines()
    return faults


def build(cls: type[T], mapping: dict, where: str, parts: dict | None = None) -> T:
    """An instance of `cls` with the keys of `mapping`; ConfigError with one line per fault.

    Sections within it become instances of the dataclasses in the annotations of `cls`.

    >>> @dataclasses.dataclass(frozen=True)
    ... class Cmvn:
    ...     window_frames: int = 300
    >>> build(Cmvn, {"window_frames": 200}, "cmvn")
    Cmvn(window_frames=200)
    """
    faults = check(schema_of(cls), mapping, where, parts)
    if faults:
        raise ConfigError("\n".join(faults))
    return _make(cls, mapping)


def replaced(config: T, where: str, **keys) -> T:
    """A copy of a Config dataclass with other values of some keys, checked as a whole."""
    return build(type(config), plain(config) | keys, where)


def load_slice(text: str, cls: type[T], where: str, parts: dict | None = None) -> T:
    """`build` from the JSON text that a rule passes to a stage."""
    try:
        mapping = json.loads(text)
    except json.JSONDecodeError as error:
        raise ConfigError(f"{where}: not JSON ({error}): {text[:80]!r}") from None
    if not isinstance(mapping, dict):
        raise ConfigError(f"{where}: expected a JSON object, got {text[:80]!r}")
    return build(cls, mapping, where, parts)


def _make(cls, mapping):
    hints = typing.get_type_hints(cls)
    return cls(**{key: _convert(hints[key], value) for key, value in mapping.items()})


def _convert(hint, value):
    """Convert sections to the dataclasses of their annotations; other values are unchanged."""
    if dataclasses.is_dataclass(hint) and isinstance(value, dict):
        return _make(hint, value)
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        inner = [arg for arg in args if dataclasses.is_dataclass(arg)]
        return _convert(inner[0], value) if inner else value
    if origin is dict and isinstance(value, dict) and dataclasses.is_dataclass(args[1]):
        return {key: _make(args[1], item) for key, item in value.items()}
    return value
