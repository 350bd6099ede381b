"""Config dataclasses as the only definition of each key of a recipe.

declare   a field's type, default, bounds, unit and description; `schema_of` makes a JSON schema
check     compare a value with a schema: every fault is one line with the full dotted key
defaults  add the defaults of a schema to a value, or remove them
build     a mapping -> a checked instance of a Config dataclass
"""
