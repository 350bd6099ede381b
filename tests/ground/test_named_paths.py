"""Files and modules that READMEs, docs, docstrings and comments name exist."""

import ast
import io
import re
import tokenize
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOPS = ("steps_py", "workflow", "tests", "egs", "local", "benchmarks", "profiles", "docs", "sge")
PATH = re.compile(rf"(?<![\w./<-])((?:{'|'.join(TOPS)}|slurm)/[\w./-]*\w)")
MODULE = re.compile(r"\bsteps_py(?:\.\w+)+")
PAGES = sorted(
    page
    for page in [
        *ROOT.glob("*.md"),
        *(path for top in TOPS for path in ROOT.glob(f"{top}/**/*.md")),
    ]
    if page.name != "CHANGELOG.md"  # names files as they were
)
CODE = sorted(
    path
    for top in ("steps_py", "local", "benchmarks", "workflow", "tests")
    for suffix in ("py", "smk")
    for path in ROOT.glob(f"{top}/**/*.{suffix}")
)
# of Kaldi and espeak-ng; of examples; what a recipe or a command makes
ELSEWHERE = re.compile(
    r"egs/(voxceleb/v2|sre16|wsj|mine|mimi)\b.*"
    r"|egs/(sitw|aishell2?|aidatatang_200zh|chime5|cnceleb|multi_cn|voices_challenge)"
    r"|docs/voices.md|docs/sre16_eval_\w+\.tsv|local/my\w*\.py"
    r"|egs/\w+/(results|exp|logs|data|corpus)\b.*|benchmarks/results.tsv"
)


def missing_paths(text):
    """Paths of this project in a text that do not exist."""
    named = {path for path in PATH.findall(text) if not ELSEWHERE.fullmatch(path)}
    return sorted(path for path in named if not (ROOT / path).exists())


def missing_modules(text):
    """Dotted names below steps_py in a text that are no module, nor a name in one."""
    return sorted(name for name in set(MODULE.findall(text)) if not is_there(name))


def is_there(name):
    parts = name.split(".")
    for count in range(len(parts), 0, -1):
        place = ROOT.joinpath(*parts[:count])
        file = place.with_suffix(".py") if not place.is_dir() else place / "__init__.py"
        if place.is_dir() and count == len(parts):
            return True
        if file.is_file():
            rest = parts[count:]
            return not rest or re.search(rf"\b{rest[0]}\b", file.read_text()) is not None
    return False


def prose_of(path):
    """The docstrings and comments of a Python file; the comments of a rules file."""
    text = path.read_text()
    if path.suffix == ".smk":
        return "\n".join(re.findall(r"#.*", text))
    nodes = [node for node in ast.walk(ast.parse(text)) if isinstance(node, DOCUMENTED)]
    docstrings = [ast.get_docstring(node) or "" for node in nodes]
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return "\n".join([*docstrings, *(t.string for t in tokens if t.type == tokenize.COMMENT)])


DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_page_names_files_and_modules_that_exist(page):
    text = page.read_text()
    assert missing_paths(text) + missing_modules(text) == []


@pytest.mark.parametrize("package", sorted({path.parent for path in CODE}), ids=str)
def test_docstrings_and_comments_name_files_and_modules_that_exist(package):
    faults = {}
    for path in CODE:
        if path.parent == package:
            prose = prose_of(path)
            faults[path.name] = missing_paths(prose) + missing_modules(prose)
    assert {name: missing for name, missing in faults.items() if missing} == {}


def test_a_path_that_does_not_exist_is_found():
    text = "tests/formats/test_nothing.py, `docs/kaldi.md`, <recipe>/local/mine.py, egs/mine/x"
    assert missing_paths(text) == ["tests/formats/test_nothing.py"]
    assert missing_modules("steps_py.errors.StepsError steps_py.formats.nothing") == [
        "steps_py.formats.nothing"
    ]
