"""YAML files of a recipe; every error names the file and the line."""

import os
from pathlib import Path
from typing import Any

import yaml

from steps_py.errors import ConfigError
from steps_py.text_files import decode


def read_yaml(path: str | os.PathLike) -> Any:
    """The content of a YAML file; None if it is empty.

    Raises ConfigError with the line if it is not UTF-8, not YAML, or has a duplicate key.
    """
    text = decode(Path(path).read_bytes(), path, ConfigError)
    try:
        loader = yaml.SafeLoader(text)
        try:
            root = loader.get_single_node()
            _check_keys(root, path)
            return None if root is None else loader.construct_document(root)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        line = f":{mark.line + 1}" if mark else ""
        context = f" ({error.context})" if error.context else ""
        raise ConfigError(
            f"{path}{line}: not YAML: {where}{error.problem}{context}. Check the quotes, brackets"
            " and colons there and on the lines before; indent with spaces, not with tabs."
        ) from None
    except yaml.YAMLError as error:  # a control character
        line = text.count("\n", 0, getattr(error, "position", 0)) + 1
        reason = str(error).splitlines()[0]
        raise ConfigError(f"{path}:{line}: not YAML: {reason}. Remove it.") from None


def _check_keys(node, path):
    """PyYAML uses the last of duplicate keys silently; here they are an error."""
    children = []
    if node is not None and node.id == "mapping":
        lines = {}
        for key, value in node.value:
            number = key.start_mark.line + 1
            if key.id == "scalar" and key.value != "<<":
                if key.value in lines:
                    raise ConfigError(
                        f"{path}:{number}: the key '{key.value}' is given twice; first on line"
                        f" {lines[key.value]}. Keep one of them."
                    )
                lines[key.value] = number
            children.append(value)
    elif node is not None and node.id == "sequence":
        children = node.value
    for child in children:
        _check_keys(child, path)
