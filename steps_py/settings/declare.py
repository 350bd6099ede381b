"""Config dataclasses -> JSON schemas.

A field's annotation gives the type, its default the default, and `setting` the bounds and the
description. A plain annotated field needs no `setting`. The schema has two keywords that are not of
JSON Schema: ``part``, a section that names a registered class, declared as
``Annotated[dict, part("encoder")]``, and ``named``, an element of a chain of registered classes,
declared as ``Annotated[Named, named("front-end")]``.
"""

import dataclasses
import functools
import types
import typing
from collections.abc import Callable
from typing import Annotated, Any

JSON_TYPES = {
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    dict: "object",
    list: "array",
    tuple: "array",
    types.NoneType: "null",
}
REQUIRED = dataclasses.MISSING


class Keywords(dict):
    """Schema keywords for annotations: ``Annotated[int, Keywords(minimum=1)]``."""

    def __hash__(self):  # Annotated[...] | None needs it
        return hash(repr(self))


# an element of a chain: a name, or {name: {options}}
Named = str | Annotated[dict[str, dict | None], Keywords(minProperties=1, maxProperties=1)]
Count = Annotated[int, Keywords(minimum=1)]
Seed = Annotated[int, Keywords(minimum=0)]
Share = Annotated[float, Keywords(minimum=0, maximum=1)]


def setting(default: Any = REQUIRED, description: str = "", *, per_stage: bool = False, **schema):
    """Declare a field of a Config dataclass, with JSON Schema keywords such as ``minimum=1``.

    Parameters
    ----------
    default
        If omitted, the key is required. A list or dict is copied for each instance.
    description : str
        For the schema and the docs; with the unit, unless the key's name has it.
    per_stage : bool
        Whether the key can also be set for one of ``train.stages``.

    >>> @dataclasses.dataclass(frozen=True, kw_only=True)
    ... class Config:
    ...     lr: float = setting(0.1, "learning rate", exclusiveMinimum=0)
    >>> schema_of(Config)["properties"]["lr"]
    {'type': 'number', 'exclusiveMinimum': 0, 'description': 'learning rate', 'default': 0.1}
    """
    if description:
        schema["description"] = description
    metadata = {"schema": schema, "per_stage": per_stage}
    if isinstance(default, dict | list):
        factory = functools.partial(type(default), default)
        return dataclasses.field(default_factory=factory, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def section(cls: type, description: str = "", **schema):
    """Declare a field that is a section; all of its keys have defaults."""
    metadata = {"schema": schema | ({"description": description} if description else {})}
    return dataclasses.field(default_factory=cls, metadata=metadata)


def part(kind: str, name_key: str = "name", named_by_key: bool = False, **more) -> Keywords:
    """Keywords for a section that names a registered class of `kind` and has the class's keys.

    With `named_by_key`, the section's own key is the name unless the key `name_key` is given.
    """
    named = {"kind": kind, "name_key": name_key, "named_by_key": named_by_key}
    return Keywords(part=named | more)


def named(kind: str) -> Keywords:
    """Keywords for a `Named` that is a registered class of `kind` and its options."""
    return Keywords(named=kind)


def name_and_options(element: str | dict) -> tuple[str, dict]:
    """The name and the options of a `Named`.

    >>> name_and_options("deltas"), name_and_options({"deltas": {"order": 1}})
    (('deltas', {}), ('deltas', {'order': 1}))
    """
    if isinstance(element, str):
        return element, {}
    ((name, options),) = element.items()
    return name, {} if options is None else options


@functools.cache
def schema_of(cls, wanted: Callable | None = None) -> dict:
    """The JSON schema of a Config dataclass; TypeError for an annotation without a JSON type.

    With `wanted`, a function of a dataclass field, only of the fields for which it returns true.
    More keywords of the section are those of the class attribute ``KEYWORDS``.

    >>> @dataclasses.dataclass
    ... class Config:
    ...     size: int
    ...     mode: typing.Literal["a", "b"] | None = None
    >>> schema_of(Config)["required"], schema_of(Config)["properties"]["mode"]
    (['size'], {'enum': ['a', 'b', None], 'default': None})
    """
    hints = typing.get_type_hints(cls, include_extras=True)
    fields = [field for field in dataclasses.fields(cls) if wanted is None or wanted(field)]
    schema = {"type": "object", "additionalProperties": False}
    required = [field.name for field in fields if default_of(field) is REQUIRED]
    if required:
        schema["required"] = required
    schema["properties"] = {
        field.name: _field_schema(cls, field, hints[field.name]) for field in fields
    }
    return schema | getattr(cls, "KEYWORDS", {})


def default_of(field: dataclasses.Field) -> Any:
    """The default of a dataclass's field, or REQUIRED."""
    if field.default is not dataclasses.MISSING:
        return field.default
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return REQUIRED


def plain(value: Any) -> Any:
    """Convert a value to YAML's types: tuples to lists, dataclasses to dicts.

    >>> plain({"kernel_sizes": (5, 3)})
    {'kernel_sizes': [5, 3]}
    """
    if dataclasses.is_dataclass(value):
        value = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if value is None or type(value) in (bool, int, float, str):
        return value
    raise TypeError(f"{value!r} is not text, a number, true or false, a list or a dict")


def _field_schema(cls, field, hint):
    try:
        schema = type_schema(hint)
        default = default_of(field)
        if default is not REQUIRED:
            default = plain(default)
    except TypeError as error:
        raise TypeError(f"{cls.__qualname__}.{field.name}: {error}") from None
    for key, value in field.metadata.get("schema", {}).items():
        schema[key] = value() if callable(value) else value
    if default is None:  # `width: int = None` takes an int or nothing
        schema = _or_null(schema)
    if default is not REQUIRED:
        schema["default"] = default
    return schema


def type_schema(hint) -> dict:
    """The schema of a type.

    >>> type_schema(list[int] | None)
    {'type': ['array', 'null'], 'items': {'type': 'integer'}}
    """
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return {}
    if origin is Annotated:
        schema = type_schema(args[0])
        for extra in args[1:]:
            schema |= extra if isinstance(extra, Keywords) else {}
        return schema
    if origin is typing.Literal:
        return {"enum": list(args)}
    if origin in (typing.Union, types.UnionType):
        return _union([type_schema(arg) for arg in args])
    if dataclasses.is_dataclass(hint):
        return dict(schema_of(hint))
    kind = origin or hint
    if kind not in JSON_TYPES:
        raise TypeError(f"a key of a recipe cannot have the type {hint}")
    schema = {"type": JSON_TYPES[kind]}
    if kind in (list, tuple) and args:
        items = [arg for arg in args if arg is not Ellipsis]
        schema["items"] = type_schema(items[0])
        if kind is tuple and Ellipsis not in args:
            schema |= {"minItems": len(items), "maxItems": len(items)}
    if kind is dict and args:
        schema["additionalProperties"] = type_schema(args[1])
    return schema


def _union(schemas):
    """Merge schemas: each keyword that is used here concerns one type of value only."""
    merged, kinds = {}, []
    for schema in schemas:
        kind = schema.pop("type", [])
        kinds += [kind] if isinstance(kind, str) else kind
        merged |= schema
    if "enum" in merged:
        return _or_null(merged) if "null" in kinds else merged
    return {"type": kinds if len(kinds) > 1 else kinds[0], **merged}


def _or_null(schema):
    if "enum" in schema:
        return schema if None in schema["enum"] else schema | {"enum": [*schema["enum"], None]}
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    return schema | {"type": [*kinds, "null"]} if kinds and "null" not in kinds else schema
