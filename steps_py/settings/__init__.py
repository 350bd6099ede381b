"""Config dataclasses as the one definition of each key of a recipe.

declare   a field's type, default, bounds, unit and description; `schema_of` makes a JSON schema
check     a value against a schema: every fault, each as one line with the full dotted key
defaults  write the defaults of a schema into a value, or take them out again
build     a mapping -> a checked instance of a Config dataclass
"""
