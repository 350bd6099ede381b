"""Configs laid over a recipe's: how they are merged, and checks before Snakemake reads them.

Snakemake reports a fault of such a file without its line, or with a traceback. profiles/default
calls `exit_on_fault` because Snakemake reads that profile first.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from steps_py.errors import ConfigError, near_names
from steps_py.text_files import decode
from steps_py.yaml_files import read_yaml

OPTIONS = ("--configfile", "--configfiles")


def exit_on_fault(argv: Sequence[str]) -> None:
    """Exit with status 1 and one line if a file of ``--configfile`` cannot be used."""
    for path in files_of(argv):
        try:
            check_overlay(Path(path))
        except ConfigError as error:
            sys.exit(str(error))


def files_of(argv: Sequence[str]) -> list[str]:
    """The files after ``--configfile`` in Snakemake's command line.

    >>> files_of(["snakemake", "--configfile", "a.yaml", "b.yaml", "-n", "--", "all"])
    ['a.yaml', 'b.yaml']
    >>> files_of(["snakemake", "--configfile=a.yaml", "all"])
    ['a.yaml']
    """
    files, is_value = [], False
    for word in argv[1:]:
        option, equals, value = word.partition("=")
        if option in OPTIONS:
            files += [value] if equals else []
            is_value = not equals
        elif word.startswith("-"):
            is_value = False
        elif is_value:
            files.append(word)
    return files


def check_overlay(path: Path) -> None:
    """Raise ConfigError with file and line unless `path` is a YAML or JSON file with keys."""
    try:
        text = decode(path.read_bytes(), path, ConfigError)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}. {_hint(path)}") from None
    try:
        content = json.loads(text)  # with tabs it is not YAML
    except ValueError:
        content = read_yaml(path)
    if not isinstance(content, dict):
        kind = "empty" if content is None else f"a {type(content).__name__}"
        raise ConfigError(
            f"{path}:1: is {kind}, not a mapping. Write sections and keys as in config.yaml."
        )


def _hint(path):
    near = near_names(path.name, [file.name for file in path.parent.glob("*.*")])
    if near:
        return f"Did you mean {' or '.join(repr(str(path.with_name(name))) for name in near)}?"
    return "Correct the path after --configfile; if this is a target, write -- before it."


def lay_over(base: dict, over: dict) -> dict:
    """A config with the keys of `over` in place of those of `base`.

    Mappings are merged key by key, except a section whose ``name`` is another one: the options of
    one class mean nothing to another, so it replaces the section of the base.

    >>> base = {"seed": 1, "loss": {"name": "softmax", "hidden_dim": 4}}
    >>> lay_over(base, {"loss": {"hidden_dim": 8}})
    {'seed': 1, 'loss': {'name': 'softmax', 'hidden_dim': 8}}
    >>> lay_over(base, {"loss": {"name": "aam_softmax"}})
    {'seed': 1, 'loss': {'name': 'aam_softmax'}}
    """
    merged = dict(base)
    for key, value in over.items():
        old = base.get(key)
        is_merged = isinstance(value, dict) and isinstance(old, dict) and not _other(old, value)
        merged[key] = lay_over(old, value) if is_merged else value
    return merged


def _other(old, value):
    return "name" in old and value.get("name", old["name"]) != old["name"]
