"""Add the defaults of a schema to a value, or remove them."""

import copy
from typing import Any

from steps_py.settings.declare import name_and_options


def fill(schema: dict, value: Any, parts: dict | None = None, key: str = "") -> Any:
    """A copy of a checked `value` with the defaults of all missing keys.

    `parts` is that of `steps_py.settings.check.check`; `key` is the key of `value` itself.

    >>> fill({"properties": {"seed": {"default": 1}, "size": {}}}, {"size": 3})
    {'size': 3, 'seed': 1}

    An element of a chain becomes a name with all of its options; `without` leaves the shortest
    form.
    """
    if isinstance(value, list | tuple):
        return [fill(schema.get("items", {}), item, parts) for item in value]
    if "named" in schema:
        name, rule, options = _named(schema, value, parts)
        return {name: fill(rule, options, parts)}
    if not isinstance(value, dict):
        return value
    keys = _keys(schema, value, parts, key)
    filled = dict(value)
    for name, rule in keys.items():
        if name not in filled and "default" in rule:
            filled[name] = copy.deepcopy(rule["default"])
    return {
        name: fill(_rule(schema, keys, name), item, parts, name) for name, item in filled.items()
    }


def without(schema: dict, value: Any, parts: dict | None = None, key: str = "") -> Any:
    """A copy of `value` without the keys whose values are their defaults, the inverse of `fill`.

    >>> without({"properties": {"seed": {"default": 1}, "size": {}}}, {"size": 3, "seed": 1})
    {'size': 3}
    """
    if isinstance(value, list | tuple):
        return [without(schema.get("items", {}), item, parts) for item in value]
    if "named" in schema:
        name, rule, options = _named(schema, value, parts)
        options = without(rule, options, parts)
        return {name: options} if options else name
    if not isinstance(value, dict):
        return value
    keys, short = _keys(schema, value, parts, key), {}
    for name, item in value.items():
        rule = _rule(schema, keys, name)
        short[name] = without(rule, item, parts, name)
        if "default" in rule and short[name] == without(rule, rule["default"], parts, name):
            del short[name]
    return short


def _keys(schema, value, parts, key):
    """{key: schema} of a section; for a registered class, of its Config."""
    part = schema.get("part")
    if not part:
        return schema.get("properties", {})
    name = value.get(part["name_key"], key if part["named_by_key"] else None)
    entry = (parts or {}).get(part["kind"], {}).get(name)
    return entry.schema["properties"] if entry else {}


def _named(schema, value, parts):
    """An element of a chain of registered classes: its name, its schema, its options."""
    name, options = name_and_options(value)
    entry = (parts or {}).get(schema["named"], {}).get(name)
    return name, entry.schema if entry else {}, options


def _rule(schema, keys, name):
    extra = schema.get("additionalProperties")
    return keys.get(name, extra if isinstance(extra, dict) else {})
