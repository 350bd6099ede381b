"""Validation of a value by a schema: every fault is one line with the full dotted key.

All configs are validated here: of recipes, corpora, registered classes, cluster.yaml. The
keywords of JSON Schema that `steps_py.settings.declare` writes are supported.
"""

import math
import re
from typing import Any

from steps_py.errors import did_you_mean
from steps_py.settings.declare import name_and_options

TYPE_NAMES = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a section of keys",
    "null": "nothing",
}
LIMITS = (
    ("minimum", lambda value, limit: value >= limit, "less than the minimum of"),
    ("maximum", lambda value, limit: value <= limit, "more than the maximum of"),
    ("exclusiveMinimum", lambda value, limit: value > limit, "not above"),
    ("exclusiveMaximum", lambda value, limit: value < limit, "not below"),
)


def check(schema: dict, value: Any, where: str = "", parts: dict | None = None) -> list[str]:
    """The faults of `value`, one line each; an empty list if there are none.

    Parameters
    ----------
    schema : dict
    value
        As YAML or JSON gives it.
    where : str
        Dotted key of `value`, for the messages.
    parts : mapping of str to dict, optional
        Kind -> {name: Entry}: the registered classes. Without it, sections that name a class
        are not checked.

    >>> check({"type": "integer", "minimum": 1}, 0, "feats.num_jobs")
    ["'feats.num_jobs': 0 is less than the minimum of 1."]
    """
    if "enum" in schema:
        if any(
            value is known or (type(value), value) == (type(known), known)
            for known in schema["enum"]
        ):
            return []
        return [f"'{where}' is {value!r}. {did_you_mean(value, map(_shown, schema['enum']))}"]
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if kinds and not any(_is_a(value, kind) for kind in kinds):
        if "part" in schema:
            kind = schema["part"]["kind"]
            return [f"'{where}' is {value!r}; it must be a {kind}: a name and its keys."]
        return [f"'{where}' is {value!r}; it must be {_wanted(kinds, value)}."]
    if isinstance(value, bool) or value is None:
        return []
    if isinstance(value, int | float):
        return _check_number(schema, value, where)
    if isinstance(value, str):
        return _check_text(schema, value, where, parts)
    if isinstance(value, list | tuple):
        return _check_list(schema, value, where, parts)
    if isinstance(value, dict):
        return _check_section(schema, value, where, parts)
    return [] if not kinds else [f"'{where}' is {value!r}; it must be {_wanted(kinds, value)}."]


def _check_number(schema, value, where):
    if not math.isfinite(value):
        return [f"'{where}' is {value}; it must be a finite number."]
    return [
        f"'{where}': {value} is {words} {schema[keyword]}."
        for keyword, holds, words in LIMITS
        if keyword in schema and not holds(value, schema[keyword])
    ]


def _check_text(schema, value, where, parts):
    if "named" in schema:
        return _check_named(schema["named"], value, where, parts)
    if "pattern" in schema and not _matches(schema["pattern"], value):
        return [f"'{where}' is {value!r}; {schema.get('expected', 'it does not fit')}."]
    known = parts[schema["registered"]] if parts and "registered" in schema else None
    if known is not None and value not in known:
        return [f"'{where}' is {value!r}. {did_you_mean(value, known)}"]
    return []


def _matches(pattern, text):
    """Whether the pattern is found; its $ matches only at the end, not before a last newline."""
    return re.search(re.sub(r"\$$", r"\\Z", pattern), text) is not None


def _check_list(schema, value, where, parts):
    faults = []
    if len(value) < schema.get("minItems", 0):
        least = schema["minItems"]
        what = "is empty; name at least one" if least == 1 else f"needs {least} items"
        faults.append(f"'{where}' {what}.")
    if len(value) > schema.get("maxItems", math.inf):
        faults.append(f"'{where}' has {len(value)} items; it takes {schema['maxItems']}.")
    if schema.get("uniqueItems"):
        twice = [item for number, item in enumerate(value) if item in value[:number]]
        faults += [f"'{where}' names {item!r} twice. Name it once." for item in twice[:1]]
    for number, item in enumerate(value):
        faults += check(schema.get("items", {}), item, f"{where}.{number}", parts)
    return faults


def _check_section(schema, value, where, parts):
    odd = [key for key in value if not isinstance(key, str)]
    if odd:
        return [f"'{where}' has the key {odd[0]!r}, which is not text in YAML. Quote it."]
    if "part" in schema:
        return _check_part(schema["part"], value, where, parts)
    if "named" in schema and len(value) == 1:
        return _check_named(schema["named"], value, where, parts)
    faults, known = [], schema.get("properties", {})
    extra = schema.get("additionalProperties", True)
    if len(value) < schema.get("minProperties", 0):
        faults.append(f"'{where}' is empty; name at least one.")
    if len(value) > schema.get("maxProperties", math.inf):
        faults.append(f"'{where}' has {len(value)} keys; it takes {schema['maxProperties']}.")
    for key, item in value.items():
        inner = f"{where}.{key}" if where else key
        if key in known:
            faults += check(known[key], item, inner, parts)
        elif extra is False:
            faults.append(f"unknown key '{inner}'. {did_you_mean(key, known)}")
        else:
            faults += _check_name(schema.get("propertyNames", {}), key, inner)
            faults += check(extra if isinstance(extra, dict) else {}, item, inner, parts)
    for key in schema.get("required", ()):
        if key not in value:
            faults.append(f"'{where}.{key}' is missing." if where else f"'{key}' is missing.")
    if "if" in schema and not check(schema["if"], value):
        faults += check(schema["then"], value, where, parts)
    return faults


def _check_name(schema, key, where):
    if key in schema.get("not", {}).get("enum", ()):
        return [f"'{where}': the name '{key}' is taken. Choose another."]
    if "pattern" in schema and not _matches(schema["pattern"], key):
        return [f"'{where}': {key!r} is not a valid name; {schema.get('expected', 'rename it')}."]
    return []


def _check_part(part, value, where, parts):
    """The faults of a section that names a registered class: the name, the keys of its Config."""
    name_key = part["name_key"]
    name = value.get(name_key, where.rpartition(".")[2] if part["named_by_key"] else None)
    if name is None:
        return [f"'{where}.{name_key}' is missing."]
    if parts is None:
        return []
    known = parts[part["kind"]]
    if not isinstance(name, str) or name not in known:
        return [f"'{where}.{name_key}' is {name!r}. {did_you_mean(name, known)}"]
    keys = {key: item for key, item in value.items() if key != name_key}
    faults = check(known[name].schema, keys, where, parts)
    wanted = {key: part["facts"][key] for key in part.get("facts", {})}
    if any(known[name].facts.get(key) != fact for key, fact in wanted.items()):
        faults.append(f"'{where}.{name_key}' is '{name}'. {part['cure']}")
    return faults


def _check_named(kind, value, where, parts):
    """The faults of an element of a chain of registered classes: its name, its options."""
    name, options = name_and_options(value)
    known = None if parts is None else parts[kind]
    if known is not None and name not in known:
        return [f"'{where}' is {name!r}, which is no {kind}. {did_you_mean(name, known)}"]
    schema = {"type": "object"} if known is None else known[name].schema
    return check(schema, options, f"{where}.{name}", parts)


def _is_a(value, kind):
    if isinstance(value, bool):
        return kind == "boolean"
    match kind:
        case "integer":
            return isinstance(value, int)
        case "number":
            return isinstance(value, int | float)
        case "string":
            return isinstance(value, str)
        case "array":
            return isinstance(value, list | tuple)
        case "object":
            return isinstance(value, dict)
        case "null":
            return value is None
    return False


def _wanted(kinds, value):
    wanted = " or ".join(TYPE_NAMES[kind] for kind in kinds)
    if (
        isinstance(value, str)
        and "number" in kinds
        and re.fullmatch(r"[+-]?\d+e[+-]?\d+", value, re.I)
    ):
        return f"{wanted}. {value} is text in YAML; write {float(value):.1e}"
    return wanted


def _shown(value):
    return {None: "null", True: "true", False: "false"}.get(value, value)
