"""The layers that pyproject.toml declares, and imports inside functions."""

import ast
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

ROOT = Path(__file__).parents[2]
FILES = sorted(path for top in ("steps_py", "local") for path in (ROOT / top).rglob("*.py"))


def test_no_import_against_the_layers_and_no_circle(capsys):
    assert lint_imports(str(ROOT / "pyproject.toml"), no_cache=True) == 0, capsys.readouterr().out


def lines_of_late_imports(tree):
    """The first line of each block of imports within a function."""
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for block in ast.walk(function):
            body = [getattr(block, name, []) for name in ("body", "orelse", "finalbody")]
            for statements in filter(lambda value: isinstance(value, list), body):
                previous = None
                for statement in statements:
                    if isinstance(statement, ast.Import | ast.ImportFrom) and not isinstance(
                        previous, ast.Import | ast.ImportFrom
                    ):
                        yield statement.lineno
                    previous = statement


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_an_import_within_a_function_says_why(path):
    """A module is imported late for the time it takes, in a comment on its line or above it."""
    lines = path.read_text().splitlines()
    silent = [
        line
        for line in lines_of_late_imports(ast.parse(path.read_text()))
        if "#" not in lines[line - 1] and not lines[line - 2].lstrip().startswith("#")
    ]
    assert silent == []
