"""Generate the config schema and the table of keys from the dataclasses that define them.

python -m steps_py.recipe.schema --write      workflow/schemas/config.schema.yaml, docs/config.md
python -m steps_py.recipe.schema              exit 1 if one of them is not up to date
"""

import argparse
import json
import sys
from collections.abc import Iterable, Iterator

import yaml

from steps_py.checkout import CHECKOUT
from steps_py.recipe.catalogue import catalogue
from steps_py.recipe.sections import RecipeConfig
from steps_py.settings.check import LIMITS
from steps_py.settings.declare import schema_of

SCHEMA, TABLE = CHECKOUT / "workflow/schemas/config.schema.yaml", CHECKOUT / "docs/config.md"
GENERATED = "Written by `python -m steps_py.recipe.schema --write` from the config dataclasses"
SIGNS = {"minimum": ">=", "maximum": "<=", "exclusiveMinimum": ">", "exclusiveMaximum": "<"}


class _Plain(yaml.SafeDumper):
    """A dumper that writes every value in full, without anchors."""

    def ignore_aliases(self, data):
        return True


def schema_text() -> str:
    """The JSON schema of config.yaml as YAML."""
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "egs/<name>/config.yaml",
        "description": "One recipe. Units are in the names (_frames, _sec, _db) or in the"
        " descriptions. Keys with a default can be omitted.",
    }
    body = yaml.dump(head | schema_of(RecipeConfig), Dumper=_Plain, sort_keys=False, width=100)
    return f"# {GENERATED}.\n{body}"


def table_text():
    """All keys of a recipe, and those of the registered classes, as Markdown."""
    lines = ["# Keys of a recipe", "", f"{GENERATED}.", ""]
    for name, section in schema_of(RecipeConfig)["properties"].items():
        lines += [f"## `{name}`", "", section.get("description", ""), ""]
        lines += markdown_table(rows_of(section, f"{name}."))
    lines += ["# Registered classes", ""]
    for kind, entries in catalogue(CHECKOUT / "egs/voxceleb").items():
        lines += [f"## {kind}", ""]
        for name, entry in entries.items():
            lines += [f"### `{name}`", "", entry.doc, ""]
            lines += markdown_table(rows_of(entry.schema, ""))
    return "\n".join(lines).rstrip("\n") + "\n"


def rows_of(section: dict, prefix: str) -> Iterator[tuple[str, str, str, str]]:
    """(key, type, default, description) of a section's keys, sections within it included."""
    required = section.get("required", ())
    for key, rule in section.get("properties", {}).items():
        inner = rule.get("properties")
        if inner is None or key == "stages":
            default = "required" if key in required else _code(rule.get("default"))
            yield f"`{prefix}{key}`", _type(rule), default, rule.get("description", "")
            each = rule.get("additionalProperties")
            if isinstance(each, dict):  # sections with names of the user's
                yield from rows_of(each, f"{prefix}{key}.<name>.")
            continue
        if "null" in rule["type"]:
            yield f"`{prefix}{key}`", "section or null", "`null`", rule.get("description", "")
        yield from rows_of(rule, f"{prefix}{key}.")


def markdown_table(rows: Iterable[tuple[str, str, str, str]]) -> list[str]:
    """The lines of a table of `rows_of`; none without rows."""
    rows = list(rows)
    if not rows:
        return []
    cells = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    lines = ["| key | type | default | |", "|---|---|---|---|"]
    return [*lines, *(f"| {' | '.join(row)} |" for row in cells), ""]


def _type(rule):
    if "part" in rule:
        return f"{rule['part']['kind']}: a name and its keys"
    if "enum" in rule:
        return ", ".join(_code(value) for value in rule["enum"])
    kinds = rule.get("type", "any")
    kinds = kinds if isinstance(kinds, list) else [kinds]
    names = {"object": "section", "array": "list", "string": "text"}
    words = " or ".join(names.get(kind, kind) for kind in kinds)
    bounds = [f"{SIGNS[keyword]} {rule[keyword]}" for keyword, *_ in LIMITS if keyword in rule]
    return f"{words} {', '.join(bounds)}".strip()


def _code(value):
    return f"`{json.dumps(value)}`"


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="write both files")
    args = parser.parse_args(argv)
    stale = []
    for path, text in ((SCHEMA, schema_text()), (TABLE, table_text())):
        if not path.exists() or path.read_text() != text:
            stale.append(path)
            if args.write:
                path.write_text(text)
    if stale and not args.write:
        names = ", ".join(str(path.relative_to(CHECKOUT)) for path in stale)
        sys.exit(f"{names}: not up to date. Run python -m steps_py.recipe.schema --write.")


if __name__ == "__main__":
    main()
